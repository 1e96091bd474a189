/** `dhow registry serve` whose users are a token server's business, and our client between the two. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuthConfig } from "../../src/api/system.ts";
import { digestOf } from "../../src/lib/digest.ts";
import { RegistryClient } from "../../src/registry/client.ts";
import { RegistryUploads } from "../../src/registry/uploads.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { codeOf } from "../harness/registry-calls.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const { signal } = new AbortController();
const asked: string[] = [];
let dir: string;
let server: ReturnType<typeof Bun.serve>;
let registry: OwnRegistry;

/** Ada may do what she asks for in `ada/`, nobody else anything. */
function tokenFor({ headers, url }: Request): string {
  const isAda = headers.get("authorization") === `Basic ${btoa("ada:lovelace")}`;
  const scopes = new URL(url).searchParams.getAll("scope");
  asked.push(...scopes);
  const access = scopes.flatMap((scope) => {
    const [type = "", name = "", actions = ""] = scope.split(":");
    return isAda && name.startsWith("ada/") ? [{ type, name, actions: actions.split(",") }] : [];
  });
  const at = Math.floor(Date.now() / 1000);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: "auth", aud: "box", sub: isAda ? "ada" : "", exp: at + 60, nbf: at, access };
  const text = `${encode({ alg: "ES256", typ: "JWT", kid: "k" })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "dhow-token-server-"));
  const jwks = join(dir, "jwks.json");
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] }));
  const fetch = (request: Request) => Response.json({ token: tokenFor(request), expires_in: 60 });
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
  const names = ["--token-realm", `${server.url.origin}/token`, "--token-service", "box", "--token-issuer", "auth"];
  registry = await startOwnRegistry(...names, "--token-jwks", jwks);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await server?.stop(true);
  rmSync(dir, { recursive: true, force: true });
});

const options = (username: string) => ({
  domain: registry.host,
  insecure: [],
  auth: username === "" ? undefined : ({ username, password: "lovelace" } as AuthConfig),
});

test("whoever the token server lets pushes and pulls, and nobody else", async () => {
  const bytes = Buffer.from("a blob");
  const push = async (username: string, path: string) => {
    const uploads = new RegistryUploads(options(username), path);
    const session = await uploads.begin(signal);
    await uploads.finish(await uploads.append(session, new Blob([bytes]).stream(), signal), digestOf(bytes), signal);
  };
  const pull = (username: string) =>
    new RegistryClient(options(username)).smallBlob("ada/x", digestOf(bytes), 99, signal);
  await push("ada", "ada/x");
  expect((await pull("ada")).equals(bytes)).toBe(true);
  expect(asked).toEqual(["repository:ada/x:pull,push", "repository:ada/x:pull"]);
  await expect(push("ada", "bob/x")).rejects.toThrow("authentication required");
  await expect(push("", "ada/x")).rejects.toThrow("authentication required");
  await expect(pull("")).rejects.toThrow("pull access denied");
});

test("the registry names the token server, what a token is for, and takes no password", async () => {
  const ask = (path: string, authorization?: string) =>
    fetch(`http://${registry.host}${path}`, { headers: authorization === undefined ? {} : { authorization } });
  const realm = `Bearer realm="${server.url.origin}/token",service="box"`;
  for (const [path, scope] of [
    ["/v2/", ""],
    ["/v2/_catalog", ',scope="registry:catalog:*"'],
    ["/v2/ada/x/tags/list", ',scope="repository:ada/x:pull"'],
  ] as const) {
    const response = await ask(path);
    expect([path, response.headers.get("www-authenticate")]).toEqual([path, realm + scope]);
    expect(await codeOf(response)).toEqual([401, "UNAUTHORIZED"]);
  }
  expect((await ask("/v2/", `Basic ${btoa("ada:lovelace")}`)).status).toBe(401);
  const token = tokenFor(
    new Request("http://x/?scope=repository:ada/x:pull", {
      headers: { authorization: `Basic ${btoa("ada:lovelace")}` },
    }),
  );
  expect((await ask("/v2/", `Bearer ${token}`)).status).toBe(200);
  expect((await ask("/v2/_catalog", `Bearer ${token}`)).status).toBe(401);
});
