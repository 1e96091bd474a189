/** The page of `dhow registry serve` for browsers: what is sent to whom, and what keeps it from running what was pushed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { RegistryWriter } from "../harness/registry-writer.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-page-"));
const [users, rights] = [join(dir, "users"), join(dir, "rights")];
const ada = { authorization: `Basic ${btoa("ada:lovelace")}` };
const bob = { authorization: `Basic ${btoa("bob:builder")}` };

beforeAll(async () => {
  const hash = (password: string) => Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(users, `ada:${await hash("lovelace")}\nbob:${await hash("builder")}\n`);
  writeFileSync(rights, "ada ** pull,push\nbob team/* pull\n- open/* pull\n");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The addresses that a text of the page asks for, as a browser would find them. */
const addressesIn = (text: string, at: string): string[] =>
  [...text.matchAll(/(?:(?:href|src)=|from ?|import ?)"([^"#]+)"/g)].map(([, to = ""]) => new URL(to, at).href);

test("the page is all there, runs nothing but its own files, and is the same to everybody", async () => {
  await using registry = await startOwnRegistry("--htpasswd", users);
  const asked = new Map<string, string>();
  for (const left = [`http://${registry.host}/`]; left.length > 0; ) {
    const url = left.pop() ?? "";
    if (asked.has(url)) continue;
    const response = await fetch(url);
    const text = await response.text();
    expect({ url, status: response.status }).toEqual({ url, status: 200 });
    const { headers } = response;
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toStartWith("default-src 'none'; script-src 'self';");
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
    const again = await fetch(url, { headers: { "if-none-match": headers.get("etag") ?? "" } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, headers.get("content-type")]);
    asked.set(url, `${headers.get("content-type")} ${text}`);
    left.push(...addressesIn(text, url).filter((to) => !to.startsWith("http://www.w3.org/")));
  }
  const types = [...asked].map(
    ([url, text]) => `${new URL(url).pathname.replace(/^.*\./, "")} ${text.split(";")[0]?.split(" ")[0]}`,
  );
  expect([...new Set(types)].sort()).toEqual([
    "/ text/html",
    "css text/css",
    "svg image/svg+xml",
    "ts text/javascript",
  ]);
  expect(asked.size).toBeGreaterThan(10);
  const html = asked.get(`http://${registry.host}/`) ?? "";
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|javascript:/i);
  // Text becomes nodes by text alone.
  for (const text of asked.values())
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
});

test("what is no part of the page is not there, and other methods are refused", async () => {
  await using registry = await startOwnRegistry();
  const origin = `http://${registry.host}`;
  for (const path of ["/page/", "/page/x.ts", "/page/../page/tsconfig.json", "/page/__proto__", "/page/%2e%2e/main.ts"])
    expect((await fetch(origin + path)).status).not.toBe(200);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const response = await fetch(`${origin}/`, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  }
});

test("--no-page shows none, and the API is what it was", async () => {
  await using registry = await startOwnRegistry("--no-page");
  const statuses = ["/", "/page/main.ts", "/page/catalog", "/v2/"].map((path) =>
    fetch(`http://${registry.host}${path}`),
  );
  expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([405, 405, 405, 200]);
});

describe.each([["passwords"], ["tokens"]] as const)("with users, by %s", (kind) => {
  let registry: OwnRegistry;
  beforeAll(async () => {
    registry = await startOwnRegistry(
      "--htpasswd",
      users,
      "--rights",
      rights,
      ...(kind === "tokens" ? ["--tokens"] : []),
    );
    const writer = new RegistryWriter(registry.host, ada);
    for (const name of ["open/a", "open/b", "team/app", "secret"]) await writer.image(name, "1");
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://${registry.host}${path}`, { headers });

  test("the catalog holds what may be pulled, a page at a time", async () => {
    const catalog = async (headers?: Record<string, string>, query = "") => {
      const response = await get(`/page/catalog${query}`, headers);
      const { repositories } = (await response.json()) as { repositories: string[] };
      return [repositories, response.headers.get("link")] as const;
    };
    expect(await catalog()).toEqual([["open/a", "open/b"], null]);
    expect(await catalog(bob)).toEqual([["open/a", "open/b", "team/app"], null]);
    expect((await catalog(ada))[0]).toEqual(["open/a", "open/b", "secret", "team/app"]);
    const [first, link] = await catalog(bob, "?n=2");
    expect([first, link]).toEqual([["open/a", "open/b"], '</page/catalog?n=2&last=open%2Fb>; rel="next"']);
    expect(await catalog(bob, "?n=2&last=open%2Fb")).toEqual([["team/app"], null]);
    expect((await get("/page/catalog", { authorization: `Basic ${btoa("bob:no")}` })).status).toBe(401);
    expect((await get("/page/catalog")).headers.get("cache-control")).toBe("no-store");
  });

  test("the page learns from the API whether somebody must log in, and may do with a password what a token would allow", async () => {
    expect((await get("/v2/")).status).toBe(401);
    expect((await get("/v2/", bob)).status).toBe(200);
    expect((await get("/v2/open/a/manifests/1")).status).toBe(200);
    expect((await get("/v2/team/app/tags/list")).status).toBe(401);
    expect((await get("/v2/team/app/tags/list", bob)).status).toBe(200);
    expect((await get("/v2/secret/manifests/1", bob)).status).toBe(403);
  });
});
