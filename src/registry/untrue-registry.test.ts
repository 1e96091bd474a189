/** Hardening, section G: registries that say one thing and send another, and those that are not to be asked without TLS. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { startRegistry, type TestRegistry } from "../../test/fixtures/registry.ts";
import { selfSigned } from "../../test/fixtures/self-signed.ts";
import { digestOf } from "../lib/digest.ts";
import { RegistryClient } from "./client.ts";
import type { RegistryOptions } from "./transport.ts";

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => await registry[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const blob = Buffer.from("blob");
const client = (more: Partial<RegistryOptions> = {}): RegistryClient =>
  new RegistryClient({
    domain: registry.host,
    insecure: [],
    auth: { username: "a", password: "p" } as RegistryOptions["auth"],
    ...more,
  });

test("hardening 138: the digest of what came decides, whatever the header, a tag or a mirror says", async () => {
  const manifest = Buffer.from('{"schemaVersion":2}');
  const other = Buffer.from('{"schemaVersion":2,"x":1}');
  registry.fault = (request, response) => {
    // The tag moves between two looks, and the header names what was not sent.
    const bytes = request.method === "HEAD" || registry.requests.length % 2 === 0 ? other : manifest;
    response.writeHead(200, { "docker-content-digest": digestOf(bytes === other ? manifest : other) }).end(bytes);
    return true;
  };
  const read = (reference: string) => client().manifest("x", reference, 1000, signal);
  for (let i = 0; i < 2; i++) {
    const { bytes, digest } = await read("latest");
    expect(digest).toBe(digestOf(bytes));
  }
  const asked = [digestOf(manifest), digestOf(other)];
  const results = await Promise.allSettled(asked.flatMap((digest) => [read(digest), read(digest)]));
  for (const [i, result] of results.entries()) {
    if (result.status === "fulfilled") expect(result.value.digest).toBe(asked[Math.floor(i / 2)]!);
    else expect(String(result.reason)).toContain("manifest verification failed for digest");
  }
  expect(results.some(({ status }) => status === "rejected")).toBe(true);
  registry.blobs.set(digestOf(blob), Buffer.from("another"));
  registry.fault = null;
  const mirrored = client({ domain: "docker.io", mirror: `http://${registry.host}` });
  await expect(mirrored.smallBlob("x", digestOf(blob), 100, signal)).rejects.toThrow("blob verification failed");
  expect(registry.requests.at(-1)?.authorization).toBeUndefined();
});

/** An address of this host that is not among those that count as loopback: every other one must be asked with TLS. */
const elsewhere = "0.0.0.0";

test("hardening 136: a registry is asked over HTTP only where it is listed, by name or by network", async () => {
  const first: number[] = [];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, data) {
        first.push(data[0] ?? 0);
        socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      },
    },
  });
  try {
    const domain = `${elsewhere}:${server.port}`;
    const ask = (insecure: string[]) => client({ domain, insecure }).smallBlob("x", digestOf(blob), 9, signal);
    for (const insecure of [[], ["127.0.0.1"], ["10.0.0.0/8"], [`${elsewhere}:1`], ["0.0.0.0.evil.net"]]) {
      await expect(ask(insecure)).rejects.toThrow();
    }
    // Nothing but the beginnings of TLS.
    expect([first.length >= 5, new Set(first)]).toEqual([true, new Set([0x16])]);
    for (const insecure of [[elsewhere], [domain], ["0.0.0.0/31"]]) {
      first.length = 0;
      await expect(ask(insecure)).rejects.toThrow("400");
      expect(first).toContain("G".charCodeAt(0));
    }
  } finally {
    server.stop(true);
  }
});

test("hardening 136: a certificate of nobody's and a 5xx over TLS lead to no other way", async () => {
  let asked = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: selfSigned(),
    fetch: (request) => {
      asked++;
      expect(request.url).toStartWith("https:");
      return new Response("", { status: 501 });
    },
  });
  try {
    const domain = `${elsewhere}:${server.port}`;
    const ask = (insecure: string[]) => client({ domain, insecure }).smallBlob("x", digestOf(blob), 9, signal);
    await expect(ask([])).rejects.toThrow(/certificate|self.signed/i);
    expect(asked).toBe(0);
    // Listed as insecure it may have any certificate; what it answers with TLS is its answer.
    await expect(ask([elsewhere])).rejects.toThrow("501");
    expect(asked).toBe(1);
  } finally {
    await server.stop(true);
  }
});
