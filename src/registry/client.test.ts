import { afterEach, beforeEach, expect, test } from "bun:test";
import { startRegistry, type TestRegistry } from "../../test/fixtures/registry.ts";
import { selfSigned } from "../../test/fixtures/self-signed.ts";
import { digestOf } from "../lib/digest.ts";
import { kindOf } from "../lib/errors.ts";
import { RegistryClient } from "./client.ts";
import type { RegistryOptions } from "./transport.ts";

let registry: TestRegistry;
let other: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
  other = await startRegistry();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const signal = new AbortController().signal;
const auth = { username: "u", password: "p" } as RegistryOptions["auth"];
const client = (more: Partial<RegistryOptions> = {}): RegistryClient =>
  new RegistryClient({ domain: registry.host, insecure: [], auth, ...more });
const blob = digestOf(Buffer.from("x"));

/** Answers every request with this header and status. */
const always = (status: number, headers: Record<string, string>): TestRegistry["fault"] => {
  return (_request, response) => {
    response.writeHead(status, headers).end();
    return true;
  };
};

test("hardening 132: RegistryClient takes no challenge from where it was redirected to", async () => {
  other.fault = always(401, { "www-authenticate": 'Basic realm="x"' });
  registry.fault = always(307, { location: `http://${other.host}/blob` });
  const error: unknown = await client()
    .blob("a", blob, 0, signal)
    .catch((reason) => reason);
  expect(String(error)).toContain(`401 from http://${other.host}`);
  expect(registry.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  expect(other.requests).toHaveLength(1);
});

test.each([
  ["http://[", "no web address"],
  ["file:///etc/passwd", "no web address"],
  ["http://169.254.169.254/latest/meta-data/", "inside this host"],
  ["http://[fd00:ec2::254]/latest/meta-data/", "inside this host"],
])("hardening 133: RegistryClient refuses a redirect to %s", async (location, words) => {
  registry.fault = always(307, { location });
  const error: unknown = await client()
    .blob("a", blob, 0, signal)
    .catch((reason) => reason);
  expect(kindOf(error)).toBe("unavailable");
  expect(String(error)).toContain(words);
});

test.each([
  ['Bearer realm="http://["', "names no token server"],
  ["Bearer service=x", "names no token server"],
  ['Bearer realm="http://169.254.169.254/token"', "inside this host"],
])("hardening 132: RegistryClient refuses the challenge %s", async (challenge, words) => {
  registry.fault = always(401, { "www-authenticate": challenge });
  const error: unknown = await client()
    .blob("a", blob, 0, signal)
    .catch((reason) => reason);
  expect(kindOf(error)).toBe("unauthorized");
  expect(String(error)).toContain(words);
});

test("hardening 132: RegistryClient.login() is no success when the token server may not see the credentials", async () => {
  // One and the same server, by names of two organisations.
  const realm = `http://localhost:${registry.host.split(":")[1]}/token`;
  registry.fault = (request, response) => {
    if (request.url?.startsWith("/token")) response.end(JSON.stringify({ token: "t" }));
    else if (request.headers.authorization) response.end("{}");
    else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` }).end();
    return true;
  };
  const error: unknown = await client()
    .login(signal)
    .catch((reason) => reason);
  expect(kindOf(error)).toBe("unauthorized");
  expect(String(error)).toContain(new URL(realm).origin);
});

test("RegistryClient judges a mirror by the mirror's own host", async () => {
  // Signed by nobody: only loopback's standing as insecure lets it pass, and Docker Hub has no such standing.
  const tls = selfSigned();
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response("{}") });
  try {
    const mirror = `https://127.0.0.1:${server.port}`;
    await expect(client({ domain: "docker.io", mirror }).login(signal)).resolves.toBeUndefined();
  } finally {
    await server.stop(true);
  }
});

test.each([
  ["127.0.0.1:1", 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'],
  ["localhost:1", 'Get "http://localhost:1/v2/": connect: connection refused'],
  [
    "no.such.host.invalid",
    'Get "https://no.such.host.invalid/v2/": dial tcp: lookup no.such.host.invalid: no such host',
  ],
])("RegistryClient says why nobody answers at %s", async (domain, words) => {
  await expect(client({ domain }).tags("a", signal)).rejects.toThrow(words);
});

test("RegistryClient names the repository and the address that have refused", async () => {
  registry.fault = always(403, {});
  await expect(client().tags("some/box", signal)).rejects.toThrow(
    `pull access denied for ${registry.host}/some/box, repository does not exist`,
  );
  registry.fault = always(401, { "www-authenticate": 'Basic realm="x"' });
  await expect(client().login(signal)).rejects.toThrow(`login attempt to http://${registry.host}/v2/ failed`);
});
