/** Hardening, section A: layers that are not what was promised, or do not come whole. */
import { describe, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { endless, inFlight, layer, pullBench } from "../../test/fixtures/pull-bench.ts";
import { startRegistry, type TestRegistry } from "../../test/fixtures/registry.ts";
import { until } from "../../test/harness/command.ts";
import { digestOf } from "../lib/digest.ts";
import { invalidArgument } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { maxManifestSize, mediaTypes } from "./manifest.ts";

const bench = pullBench(2);
const { serve, serveBytes, pull } = bench;

test("hardening 17: pull() refuses a blob with one bit changed at its start, middle or end", async () => {
  for (const at of [0, layer.length >> 1, layer.length - 1]) {
    serve();
    const bad = Buffer.from(layer);
    bad[at]! ^= 1;
    bench.registry.blobs.set(digestOf(layer), bad);
    await bench.refused("verification failed");
  }
});

test("hardening 18: pull() refuses wrong descriptor sizes", async () => {
  for (const size of [0, layer.length - 1, layer.length + 1, -1, 1.5, "1", 2 ** 63, undefined]) {
    serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { size }));
    await bench.refused();
  }
});

test("hardening 18, 23, 140: pull() reads no further than a descriptor's size, of a layer, a manifest and an unknown one", async () => {
  const sent = { bytes: 0 };
  const without =
    (kind: string): TestRegistry["fault"] =>
    (request, response) => {
      if (!request.url?.includes(kind)) return false;
      endless(response, sent);
      return true;
    };
  serve();
  bench.registry.fault = without(`/blobs/${digestOf(layer)}`);
  await bench.refused(`unexpected size: more than ${layer.length} bytes`);
  const child = { mediaType: mediaTypes.ociManifest, digest: digestOf("x"), size: 1000 };
  serveBytes(JSON.stringify({ schemaVersion: 2, manifests: [child] }), mediaTypes.ociIndex);
  bench.registry.fault = without(`/manifests/${child.digest}`);
  await bench.refused("larger than 1000 bytes");
  bench.registry.fault = without("/manifests/1");
  await bench.refused(`larger than ${maxManifestSize} bytes`);
  expect(sent.bytes).toBeLessThan(layer.length + maxManifestSize + 3 * inFlight);
});

describe("hardening 19: pull() goes on with a layer cut at", () => {
  const ways: Record<string, (response: ServerResponse, part: Buffer) => void> = {
    "and a length": (response, part) => {
      response.writeHead(200, { "content-length": layer.length + 1 });
      response.write(part, () => response.destroy());
    },
    "in chunks": (response, part) => void response.writeHead(200).write(part, () => response.destroy()),
    "by the end of the connection": (response, part) => {
      response.socket?.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
      response.socket?.end(part);
    },
    "by a reset": (response, part) => {
      response.writeHead(200, { "content-length": layer.length + 1 });
      response.write(part, () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
    },
  };
  test.each(Object.keys(ways))(
    "every tenth, %s",
    async (way) => {
      const { images, registry } = bench;
      // A layer for each cut: one that is on its way would be waited for by the others.
      const bodies = Array.from({ length: 10 }, (_, tenth) => Buffer.concat([layer, Buffer.from([tenth])]));
      const cut = new Set<number>();
      registry.fault = (request, response) => {
        const tenth = bodies.findIndex((body) => request.url?.endsWith(`/blobs/${digestOf(body)}`));
        if (tenth < 0 || cut.has(tenth)) return false;
        cut.add(tenth);
        ways[way]?.(response, layer.subarray(0, Math.floor((layer.length * tenth) / 10)));
        return true;
      };
      const pulls = bodies.map((body, tenth) => {
        serve((manifest) =>
          Object.assign((manifest.layers as object[])[0]!, { digest: digestOf(body), size: body.length }),
        );
        registry.blobs.set(digestOf(body), body);
        registry.manifests.set(`cut${tenth}`, registry.manifests.get("1")!);
        const fromImage = `${registry.host}/a/b:cut${tenth}`;
        return images.pull({ fromImage, tag: "", platform: "linux/amd64", auth: undefined }, () => {}, background());
      });
      await Promise.all(pulls);
      expect(cut.size).toBe(10);
      for (const body of bodies) expect(bench.asked(`/blobs/${digestOf(body)}`)).toBe(2);
    },
    20_000,
  );
});

test.each(["bytes 7-10/20", `bytes 0-${layer.length - 1}/${layer.length}`, "bytes */5", "nonsense", "none"])(
  "hardening 19: pull() never commits what came as the range %s",
  async (range) => {
    serve();
    let cut = false;
    bench.registry.fault = (request, response) => {
      if (!request.url?.endsWith(digestOf(layer))) return false;
      if (cut) response.writeHead(206, range === "none" ? {} : { "content-range": range }).end(layer.subarray(7));
      else {
        response.writeHead(200, { "content-length": layer.length });
        response.write(layer.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
      }
      cut = true;
      return true;
    };
    await bench.refused("another range");
  },
);

test("hardening 19, 139: pull() starts over where a registry knows no ranges, and hashes what it had anew", async () => {
  serve();
  let asks = 0;
  bench.registry.fault = (request, response) => {
    if (!request.url?.endsWith(digestOf(layer))) return false;
    asks++;
    if (asks === 2) response.end(layer);
    else {
      response.writeHead(200, { "content-length": layer.length });
      response.write(layer.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    }
    return true;
  };
  await pull();
  expect([asks, bench.layers.applied.size]).toEqual([2, 1]);
});

test("hardening 32: pull() fetches a layer from the registry and never from the addresses that its descriptor gives", async () => {
  await using other = await startRegistry();
  other.blobs.set(digestOf(layer), layer);
  const urls = [
    `http://${other.host}/v2/a/b/blobs/${digestOf(layer)}`,
    "http://169.254.169.254/",
    "file:///etc/passwd",
  ];
  for (const mediaType of [
    `${mediaTypes.ociLayer}+gzip`,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ]) {
    serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { urls, mediaType }));
    bench.registry.blobs.delete(digestOf(layer));
    await bench.refused();
  }
  serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { urls }));
  await pull();
  expect([other.requests.length, bench.layers.applied.size]).toEqual([0, 1]);
});

test("hardening 15: pull() keeps no part of a layer that was refused while it came", async () => {
  serve();
  bench.registry.fault = (request, response) => {
    if (!request.url?.endsWith(digestOf(layer))) return false;
    response.writeHead(200, { "content-length": layer.length }).write(layer.subarray(0, 200_000));
    return true;
  };
  bench.layers.applyLayer = async (_request, body) => {
    if (typeof body === "string" || !("fd" in body)) throw new Error("not a growing file");
    await until("the first part", () => fstatSync(body.fd).size > 0);
    throw invalidArgument("archive/tar: invalid tar header (checksum)");
  };
  await bench.refused("invalid tar header");
});

test("hardening 139: pull() goes on with what an earlier one left, and verifies it from its first byte", async () => {
  const { images, registry, root } = bench;
  const partial = join(root, "ingest", `resume-${digestOf(layer).slice(7)}`);
  const cut = async (): Promise<void> => {
    serve();
    registry.fault = (request, response) => {
      if (!request.url?.endsWith(digestOf(layer))) return false;
      response.writeHead(200, { "content-length": layer.length }).write(layer.subarray(0, 150_000));
      return true;
    };
    const abort = new AbortController();
    const request = { fromImage: `${registry.host}/a/b:1`, tag: "", platform: "linux/amd64", auth: undefined };
    const pulling = images.pull(request, () => {}, { ...background(), signal: abort.signal });
    await until("the first part", () => bench.layers.applied.size === 1 && statSync(partial).size > 0);
    abort.abort();
    await expect(pulling).rejects.toThrow();
    // The caller is let go before all is cleared away; that the layer goes is the end of it.
    await until("the pull's end", () => bench.layers.applied.size === 0);
    registry.fault = null;
    registry.requests.length = 0;
  };
  const resumed = (): boolean => registry.requests.some(({ range }) => /^bytes=[1-9]/.test(range ?? ""));
  await cut();
  const damaged = openSync(partial, "r+");
  writeSync(damaged, Buffer.from([0xff]), 0, 1, 0);
  closeSync(damaged);
  await bench.refused("verification failed");
  expect(resumed()).toBe(true);
  await cut();
  await pull();
  expect([resumed(), bench.layers.applied.size]).toEqual([true, 1]);
}, 20_000);
