import { afterEach, expect, test } from "bun:test";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { selfSigned } from "../../test/fixtures/self-signed.ts";
import { RegistryClient } from "./client.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => void server.closeAllConnections(),
    () => void server.close(),
  );
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const never = new AbortController().signal;
const digest = `sha256:${"a".repeat(64)}` as const;

/** A registry that redirects a blob `hops` times before it gives it; what it was asked. */
async function hopping(hops: number): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = [];
  const host = await serve((request, response) => {
    asked.push(request.url ?? "");
    const hop = Number(/^\/hop\/(\d+)$/.exec(request.url ?? "")?.[1] ?? 0);
    if (hop < hops) response.writeHead(307, { location: `/hop/${hop + 1}` }).end();
    else response.end("blob");
  });
  return { host, asked };
}

test("hardening 133: blob() follows five redirects and no sixth", async () => {
  const client = (host: string) => new RegistryClient({ domain: host, insecure: [host], auth: undefined });
  const five = await hopping(5);
  const { body } = await client(five.host).blob("a/b", digest, 0, never);
  expect(Buffer.concat(await Array.fromAsync(body)).toString()).toBe("blob");
  const six = await hopping(6);
  await expect(client(six.host).blob("a/b", digest, 0, never)).rejects.toThrow("stopped after 5 redirects");
  expect(six.asked).toHaveLength(6);
});

test.each(["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "data:text/plain,x"])(
  "hardening 133: blob() does not follow a redirect to %s",
  async (location) => {
    const host = await serve((_request, response) => void response.writeHead(302, { location }).end());
    const client = new RegistryClient({ domain: host, insecure: [host], auth: undefined });
    await expect(client.blob("a/b", digest, 0, never)).rejects.toThrow("redirected to no web address");
  },
);

test("hardening 133: blob() refuses a redirect from https to http before it asks there", async () => {
  let asked = 0;
  const plain = await serve((_request, response) => {
    asked++;
    response.end("blob");
  });
  using secure = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: selfSigned(),
    fetch: () => new Response(null, { status: 307, headers: { location: `http://${plain}/blob` } }),
  });
  const host = `127.0.0.1:${secure.port}`;
  const client = new RegistryClient({ domain: host, insecure: [host], auth: undefined });
  await expect(client.blob("a/b", digest, 0, never)).rejects.toThrow("redirected from https to http");
  expect(asked).toBe(0);
});

test("hardening 218: blob() gives the raw bytes, whatever Content-Encoding says of them", async () => {
  const packed = Bun.gzipSync("plain".repeat(1000));
  const host = await serve((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
  });
  const client = new RegistryClient({ domain: host, insecure: [host], auth: undefined });
  const { body } = await client.blob("a/b", digest, 0, never);
  expect(Buffer.concat(await Array.fromAsync(body)).equals(Buffer.from(packed))).toBe(true);
});
