import { expect, test } from "bun:test";
import { fstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { layer, pullBench } from "../../test/fixtures/pull-bench.ts";
import { startRegistry } from "../../test/fixtures/registry.ts";
import type { ProgressMessage } from "../api/images.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
import { mediaTypes } from "./manifest.ts";

const bench = pullBench();
const { serve, pull } = bench;

test("pull() stores, unpacks and names an image", async () => {
  serve();
  await pull();
  expect(bench.images.resolve(`${bench.registry.host}/a/b:1`).os).toBe("linux");
  expect(bench.layers.applied.size).toBe(1);
});

test("pull() called twice at once fetches each blob once and tells both", async () => {
  serve();
  const told: string[][] = [[], []];
  await Promise.all([0, 1].map((i) => pull((message) => told[i]?.push(message.status ?? ""))));
  expect(bench.registry.requests.filter(({ url }) => url.includes("/blobs/")).length).toBe(2);
  for (const lines of told) expect(lines.at(-1)).toContain("Status: Downloaded newer image");
});

test("pull() goes on by Range after a body that was cut", async () => {
  serve();
  let cut = false;
  bench.registry.fault = (request, response) => {
    if (cut || !request.url?.endsWith(digestOf(layer))) return false;
    cut = true;
    response.writeHead(200, { "content-length": layer.length });
    response.write(layer.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await pull();
  expect(bench.registry.requests.some(({ range }) => /^bytes=[1-9]/.test(range ?? ""))).toBe(true);
  expect(bench.layers.applied.size).toBe(1);
});

test("hardening 133: pull() sends credentials to the registry and not past a redirect", async () => {
  serve();
  await using other = await startRegistry();
  other.blobs.set(digestOf(layer), layer);
  bench.registry.fault = (request, response) => {
    if (!request.headers.authorization) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      return true;
    }
    if (!request.url?.endsWith(digestOf(layer))) return false;
    response.writeHead(307, { location: `http://${other.host}/v2/a/b/blobs/${digestOf(layer)}` }).end();
    return true;
  };
  const auth = {
    username: "u",
    password: "p",
    auth: "",
    email: "",
    serveraddress: "",
    identitytoken: "",
    registrytoken: "",
  };
  await bench.images.pull(
    { fromImage: `${bench.registry.host}/a/b`, tag: "1", platform: "linux/amd64", auth },
    () => {},
    background(),
  );
  expect(other.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test("pull() honours a 429 and tries again", async () => {
  serve();
  let refused = 0;
  bench.registry.fault = (_request, response) => {
    if (refused++ > 0) return false;
    response.writeHead(429, { "retry-after": "0.1" }).end();
    return true;
  };
  await pull();
  expect(refused).toBeGreaterThan(1);
});

test("pull() of an image that is here keeps none of the blobs that it did not need", async () => {
  serve();
  await pull();
  const before = readdirSync(join(bench.root, "blobs/sha256")).sort();
  serve((manifest) => Object.assign(manifest, { annotations: { made: "again" } }));
  await pull();
  expect(readdirSync(join(bench.root, "blobs/sha256")).sort()).toEqual(before);
  expect(bench.images.resolve(`${bench.registry.host}/a/b:1`).os).toBe("linux");
});

test("pull() of another manifest of an image that is here, whole, fetches no blob; one that has lost its layer is mended", async () => {
  serve();
  await pull();
  const blobs = () => bench.registry.requests.filter(({ url }) => url.includes("/blobs/")).length;
  const before = blobs();
  serve((manifest) => {
    const other = Buffer.from("packed another way");
    bench.registry.blobs.set(digestOf(other), other);
    const { layers } = manifest as { layers: object[] };
    Object.assign(layers[0] ?? {}, { digest: digestOf(other), size: other.length });
  });
  const said: string[] = [];
  await pull(({ status }) => said.push(status ?? ""));
  expect(blobs()).toBe(before);
  expect(said).toContainEqual(expect.stringMatching(/^Digest: sha256:/));
  expect(said.at(-1)).toContain("Image is up to date");
  bench.layers.applied.clear();
  serve();
  await pull();
  expect(bench.layers.applied.size).toBe(1);
});

test("pull() by digest asks the registry, whatever is here", async () => {
  serve();
  await pull();
  const { bytes } = bench.registry.manifests.get("1")!;
  const byDigest = (digest: string): Promise<void> => {
    const request = {
      fromImage: `${bench.registry.host}/other/name`,
      tag: digest,
      platform: "linux/amd64",
      auth: undefined,
    };
    return bench.images.pull(request, () => {}, background());
  };
  await expect(byDigest(digestOf(bytes))).rejects.toThrow("manifest unknown");
  await expect(byDigest(digestOf(layer))).rejects.toThrow("manifest unknown");
  expect(() => bench.images.resolve(`${bench.registry.host}/other/name@${digestOf(bytes)}`)).toThrow("No such image");
  bench.registry.manifests.set(digestOf(bytes), { bytes, mediaType: mediaTypes.ociManifest });
  await byDigest(digestOf(bytes));
  expect(bench.images.resolve(`${bench.registry.host}/other/name@${digestOf(bytes)}`).os).toBe("linux");
});

test("pull() unpacks a layer whose first attempt brings nothing", async () => {
  serve();
  // What a driver does with a file that grows: opens it once, and reads on from there.
  bench.layers.applyLayer = async ({ chainId, parent }, body) => {
    if (typeof body === "string" || !("fd" in body)) throw new Error("not a growing file");
    await body.complete;
    if (fstatSync(body.fd).size !== layer.length) throw new Error("another file was filled");
    bench.layers.applied.set(chainId, parent);
    return { size: 1 };
  };
  let refused = 0;
  bench.registry.fault = (request, response) => {
    if (!request.url?.endsWith(digestOf(layer)) || refused++ > 0) return false;
    response.writeHead(200, { "content-length": layer.length });
    response.write("", () => setTimeout(() => response.destroy(), 300));
    return true;
  };
  await pull();
  expect([refused, bench.layers.applied.size]).toEqual([2, 1]);
});

const pullAll = (fromImage: string, told: (message: ProgressMessage) => void = () => {}): Promise<void> =>
  bench.images.pull({ fromImage, tag: "", platform: "linux/amd64", auth: undefined }, told, background());

test.each(["", ":"])("pull() of a name without a tag, written with %j, pulls all tags, page by page", async (end) => {
  serve();
  bench.registry.manifests.set("2", bench.registry.manifests.get("1")!);
  bench.registry.manifests.set("3", bench.registry.manifests.get("1")!);
  bench.registry.fault = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (!url.pathname.endsWith("/a/b/tags/list")) return false;
    const isFirst = !url.searchParams.has("last");
    if (isFirst) response.setHeader("link", '</v2/a/b/tags/list?last=2&n=2>; rel="next"');
    response.end(JSON.stringify({ name: "a/b", tags: isFirst ? ["1", "2"] : ["3", "../4"] }));
    return true;
  };
  await pullAll(`${bench.registry.host}/a/b${end}`);
  for (const tag of ["1", "2", "3"]) expect(bench.images.resolve(`${bench.registry.host}/a/b:${tag}`).os).toBe("linux");
});
