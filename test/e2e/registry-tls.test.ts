/** A registry that wants a certificate of its clients: the engine shows the one in the host's directory of certs.d. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../harness/command.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { RegistryCalls } from "../harness/registry-calls.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-registry-tls-"));
const at = (name: string): string => join(dir, name);
let registry: OwnRegistry;
let front: ReturnType<typeof Bun.serve>;
let host: string;
let certificates: string;

async function issue(name: string, authority: string): Promise<void> {
  const request = `openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -keyout ${at(`${name}.key`)} -out ${at(`${name}.csr`)}`;
  await succeed(request.split(" "));
  const sign = `openssl x509 -req -in ${at(`${name}.csr`)} -CA ${at(`${authority}.crt`)} -CAkey ${at(`${authority}.key`)} -CAcreateserial -days 2 -out ${at(`${name}.cert`)}`;
  await succeed(sign.split(" "));
}

beforeAll(async () => {
  for (const name of ["ca", "stranger"]) {
    const make = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name} -keyout ${at(`${name}.key`)} -out ${at(`${name}.crt`)}`;
    await succeed(make.split(" "));
  }
  await issue("server", "ca");
  await issue("client", "ca");
  await issue("impostor", "stranger");
  registry = await startOwnRegistry();
  // Ends the TLS in front of the registry, and asks for the client's certificate.
  front = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: {
      key: Bun.file(at("server.key")),
      cert: Bun.file(at("server.cert")),
      ca: Bun.file(at("ca.crt")),
      requestCert: true,
      rejectUnauthorized: true,
    },
    fetch: async (request) => {
      const url = new URL(request.url);
      const response = await fetch(`http://${registry.host}${url.pathname}${url.search}`, {
        method: request.method,
        headers: request.headers,
        ...(request.body ? { body: await request.arrayBuffer() } : {}),
        decompress: false,
      });
      const location = response.headers.get("location");
      const headers = new Headers(response.headers);
      if (location) headers.set("location", new URL(location, url).pathname);
      return new Response(response.body, { status: response.status, headers });
    },
  });
  host = `127.0.0.1:${front.port}`;
  certificates = `/etc/docker/certs.d/${host}`;
});
afterAll(async () => {
  rmSync(certificates, { recursive: true, force: true });
  await front?.stop(true);
  await registry?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test("push and pull show the certificate of the host's directory; without it, or with a stranger's, nothing goes", async () => {
  const name = `${host}/box:1`;
  await daemon().must("tag", "busybox", name);
  expect((await daemon().dhow("push", name)).code).toBe(1);
  mkdirSync(certificates, { recursive: true });
  const show = (who: string): void => {
    copyFileSync(at(`${who}.cert`), join(certificates, "client.cert"));
    copyFileSync(at(`${who}.key`), join(certificates, "client.key"));
  };
  show("impostor");
  expect((await daemon().dhow("push", name)).code).toBe(1);
  show("client");
  copyFileSync(at("ca.crt"), join(certificates, "ca.crt"));
  expect(await daemon().dhow("push", name)).toMatchObject({ code: 0 });
  const id = (await daemon().must("image", "inspect", "-f", "{{.Id}}", name)).trim();
  await daemon().must("rmi", name);
  expect(await daemon().dhow("pull", "-q", name)).toMatchObject({ code: 0 });
  expect((await daemon().must("image", "inspect", "-f", "{{.Id}}", name)).trim()).toBe(id);
  rmSync(join(certificates, "client.key"));
  const half = await daemon().dhow("push", name);
  expect([half.code, half.stderr]).toEqual([
    1,
    expect.stringContaining("missing key client.key for client certificate client.cert"),
  ]);
});

test("a cache shows it to the registry behind, too", async () => {
  const { digest } = await new RegistryCalls(registry.host).pushManifest("behind/tls", "v1");
  rmSync(certificates, { recursive: true, force: true });
  const status = async (cache: OwnRegistry) =>
    (await new RegistryCalls(cache.host).call("GET", `/v2/behind/tls/manifests/${digest}`)).status;
  await using bare = await startOwnRegistry("--proxy-remote-url", `https://${host}`);
  expect(await status(bare)).toBe(503);
  mkdirSync(certificates, { recursive: true });
  for (const half of ["cert", "key"]) copyFileSync(at(`client.${half}`), join(certificates, `client.${half}`));
  await using known = await startOwnRegistry("--proxy-remote-url", `https://${host}`);
  expect(await status(known)).toBe(200);
});
