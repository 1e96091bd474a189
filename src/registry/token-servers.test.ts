/** Hardening, section G: what token servers are shown, what tokens are for, and registries that ask without end. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { startRegistry, type TestRegistry } from "../../test/fixtures/registry.ts";
import { digestOf } from "../lib/digest.ts";
import { Authorizer } from "./auth.ts";
import { RegistryClient } from "./client.ts";
import type { RegistryOptions } from "./transport.ts";

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => await registry[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const blob = Buffer.from("blob");
const userOf = (username: string): RegistryOptions["auth"] => ({ username, password: "p" }) as RegistryOptions["auth"];
const basic = (username: string): string => `Basic ${Buffer.from(`${username}:p`).toString("base64")}`;
const client = (username: string, more: Partial<RegistryOptions> = {}): RegistryClient =>
  new RegistryClient({ domain: registry.host, insecure: [], auth: userOf(username), ...more });

/** Gives each user a token of his own from `realm`, and blobs for tokens; what is shown to it is in `requests`. */
function tokens(realm: string, redirect?: string): void {
  registry.blobs.set(digestOf(blob), blob);
  registry.fault = (request, response) => {
    const { authorization } = request.headers;
    if (request.url?.startsWith("/token")) {
      if (redirect !== undefined) response.writeHead(307, { location: redirect }).end();
      else response.end(JSON.stringify({ token: `for ${authorization ?? "nobody"}` }));
      return true;
    }
    if (authorization?.startsWith("Bearer ")) return false;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"`, "set-cookie": "a=b" }).end();
    return true;
  };
}
const seen = (path: string): (string | undefined)[] =>
  registry.requests.filter(({ url }) => url.startsWith(path)).map(({ authorization }) => authorization);

test("hardening 132: a token server of the registry's host is shown the credentials, one of another host is asked without", async () => {
  const port = registry.host.split(":")[1];
  tokens(`http://${registry.host}/token`);
  await client("a").smallBlob("x", digestOf(blob), 100, signal);
  expect(seen("/token")).toEqual([basic("a")]);
  registry.requests.length = 0;
  // The same server, by the name of another host.
  tokens(`http://localhost:${port}/token`);
  await client("a").smallBlob("x", digestOf(blob), 100, signal);
  expect(seen("/token")).toEqual([undefined]);
  expect(seen("/v2/").filter((shown) => shown !== undefined)).toEqual(["Bearer for nobody"]);
});

test("hardening 132: a token server that redirects is an error, and nobody is asked where it leads", async () => {
  await using other = await startRegistry();
  tokens(`http://${registry.host}/token`, `http://${other.host}/token`);
  await expect(client("a").smallBlob("x", digestOf(blob), 100, signal)).rejects.toThrow("cannot fetch a token");
  expect([seen("/token").length, other.requests.length]).toEqual([1, 0]);
});

test.each([
  ["http://registry.example.com/token", "without TLS"],
  ["ftp://registry.example.com/token", "no token server"],
  ["https://127.0.0.1/token", "inside this host"],
  ["https://[::1]/token", "inside this host"],
  ["https://169.254.169.254/token", "inside this host"],
  ["https://10.0.0.1/token", "inside this host"],
])("hardening 132: a registry of the world with TLS names %s in vain", async (realm, words) => {
  const authorizer = new Authorizer(userOf("a"), false, []);
  const url = new URL("https://registry.example.com/v2/");
  await expect(authorizer.challenge(url, `Bearer realm="${realm}"`, [], signal)).rejects.toThrow(words);
  expect(authorizer.header()).toBeUndefined();
});

test("hardening 133: cookies that a registry sets are never sent, to it or past a redirect", async () => {
  const cookies: (string | undefined)[] = [];
  await using other = await startRegistry();
  other.fault = (request) => {
    cookies.push(request.headers.cookie);
    return false;
  };
  other.blobs.set(digestOf(blob), blob);
  registry.fault = (request, response) => {
    cookies.push(request.headers.cookie, request.headers["x-registry-auth"] as string | undefined);
    const location = `http://${other.host}/v2/x/blobs/${digestOf(blob)}`;
    response.writeHead(307, { location, "set-cookie": "secret=1; Path=/" }).end();
    return true;
  };
  const one = client("a");
  for (let i = 0; i < 2; i++) await one.smallBlob("x", digestOf(blob), 100, signal);
  expect(cookies).toEqual(Array.from({ length: 6 }, () => undefined));
});

test("hardening 135: a pull of one user never shows a token of another, one after the other or at once", async () => {
  tokens(`http://${registry.host}/token`);
  const pull = async (user: string): Promise<void> => {
    const one = client(user);
    for (const path of ["x", "y"]) await one.smallBlob(path, digestOf(blob), 100, signal);
  };
  await pull("a");
  registry.requests.length = 0;
  await pull("b");
  expect(seen("/token")).toEqual([basic("b")]);
  expect(seen("/v2/").filter(Boolean)).toEqual(Array(2).fill(`Bearer for ${basic("b")}`));
  registry.requests.length = 0;
  const users = Array.from({ length: 8 }, (_, i) => `user${i}`);
  await Promise.all(users.map(pull));
  for (const user of users)
    expect(seen("/v2/").filter((shown) => shown === `Bearer for ${basic(user)}`)).toHaveLength(2);
  // Nobody's token: without credentials none is taken over.
  registry.requests.length = 0;
  await new RegistryClient({ domain: registry.host, insecure: [], auth: undefined }).smallBlob(
    "x",
    digestOf(blob),
    9,
    signal,
  );
  expect(seen("/v2/").filter(Boolean)).toEqual(["Bearer for nobody"]);
});

test.each(["Bearer", "Basic"])(
  "hardening 139: a registry that answers 401 to all %s is asked twice",
  async (scheme) => {
    registry.fault = (request, response) => {
      if (request.url?.startsWith("/token")) response.end('{"token":"t"}');
      else if (registry.requests.length > 20)
        response.end(blob); // a client that asks without end is let go
      else response.writeHead(401, { "www-authenticate": `${scheme} realm="http://${registry.host}/token"` }).end();
      return true;
    };
    await expect(client("a").smallBlob("x", digestOf(blob), 100, signal)).rejects.toThrow(/denied|unauthorized/);
    expect(seen("/v2/")).toHaveLength(2);
    expect(seen("/token").length).toBe(scheme === "Bearer" ? 1 : 0);
  },
);

test("hardening 140: a token server that answers without end is refused, and one that answers nonsense too", async () => {
  for (const body of [" ".repeat(2 << 20), "[]", "null", '{"token":5}', '{"token":""}', "{", '"token"']) {
    registry.fault = (request, response) => {
      if (request.url?.startsWith("/token")) response.end(body);
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end();
      return true;
    };
    await expect(client("a").smallBlob("x", digestOf(blob), 100, signal)).rejects.toThrow(/token|larger than/);
  }
});

test("an identity token is posted to the registry's own token server, and not shown to one of another host", async () => {
  const posted: [string | undefined, URLSearchParams][] = [];
  const port = registry.host.split(":")[1];
  let realm = `http://${registry.host}/token`;
  registry.blobs.set(digestOf(blob), blob);
  registry.fault = (request, response) => {
    if (request.url?.startsWith("/token")) {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        posted.push([request.method, new URLSearchParams(Buffer.concat(parts).toString())]);
        response.end(JSON.stringify({ access_token: "granted" }));
      });
      return true;
    }
    if (request.headers.authorization === "Bearer granted") return false;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` }).end();
    return true;
  };
  const auth = { username: "<token>", password: "", identitytoken: "refresh" } as RegistryOptions["auth"];
  await client("a", { auth }).smallBlob("x", digestOf(blob), 100, signal);
  expect(posted.map(([method, form]) => [method, Object.fromEntries(form)])).toEqual([
    [
      "POST",
      {
        grant_type: "refresh_token",
        refresh_token: "refresh",
        client_id: "dhow",
        service: "s",
        scope: "repository:x:pull",
      },
    ],
  ]);
  posted.length = 0;
  realm = `http://localhost:${port}/token`;
  await client("a", { auth }).smallBlob("x", digestOf(blob), 100, signal);
  expect(posted.map(([method, form]) => [method, form.get("refresh_token")])).toEqual([["GET", null]]);
});
