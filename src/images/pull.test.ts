import { afterEach, beforeEach, expect, test } from "bun:test";
import { fstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type FakeLayers, fakeLayers } from "../../test/fixtures/fake-layers.ts";
import { startRegistry, type TestRegistry } from "../../test/fixtures/registry.ts";
import type { ProgressMessage } from "../api/images.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
import { Database } from "../state/database.ts";
import type { Images } from "./images.ts";
import { mediaTypes } from "./manifest.ts";
import { createImages } from "./service.ts";

let registry: TestRegistry;
let root: string;
let images: Images;
let db: Database;
let layers: FakeLayers;

beforeEach(async () => {
  registry = await startRegistry();
  root = mkdtempSync(join(tmpdir(), "dhow-pull-"));
  layers = fakeLayers();
  db = Database.open(":memory:");
  images = createImages({
    db,
    contentRoot: root,
    config: {
      registry: { mirrors: [], insecure: [] },
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
      maxDownloadAttempts: 5,
    },
    usersOf: () => [],
    emit: () => {},
    snapshots: layers,
  });
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  db[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

const plain = Buffer.from("layer".repeat(50_000));
const layer = Buffer.concat([gzipSync(plain), Buffer.alloc(300_000, 7)]);

function serve(
  change: (manifest: Record<string, unknown>) => void = () => {},
  mediaType: string = mediaTypes.ociManifest,
): void {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf(plain)] } }),
  );
  const describe = (bytes: Buffer, type: string) => ({ mediaType: type, digest: digestOf(bytes), size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe(config, mediaTypes.ociConfig),
    layers: [describe(layer, `${mediaTypes.ociLayer}+gzip`)],
  };
  change(manifest);
  registry.blobs.set(digestOf(config), config);
  registry.blobs.set(digestOf(layer), layer);
  registry.manifests.set("1", { bytes: Buffer.from(JSON.stringify(manifest)), mediaType });
}
const pull = (progress: (message: ProgressMessage) => void = () => {}): Promise<void> =>
  images.pull(
    { fromImage: `${registry.host}/a/b:1`, tag: "", platform: "linux/amd64", auth: undefined },
    progress,
    background(),
  );
const left = (): number => readdirSync(join(root, "blobs/sha256")).length + readdirSync(join(root, "ingest")).length;

test("pull() stores, unpacks and names an image", async () => {
  serve();
  await pull();
  expect(images.resolve(`${registry.host}/a/b:1`).os).toBe("linux");
  expect(layers.applied.size).toBe(1);
});

test("pull() called twice at once fetches each blob once and tells both", async () => {
  serve();
  const told: string[][] = [[], []];
  await Promise.all([0, 1].map((i) => pull((message) => told[i]?.push(message.status ?? ""))));
  expect(registry.requests.filter(({ url }) => url.includes("/blobs/")).length).toBe(2);
  for (const lines of told) expect(lines.at(-1)).toContain("Status: Downloaded newer image");
});

test("pull() goes on by Range after a body that was cut", async () => {
  serve();
  let cut = false;
  registry.fault = (request, response) => {
    if (cut || !request.url?.endsWith(digestOf(layer))) return false;
    cut = true;
    response.writeHead(200, { "content-length": layer.length });
    response.write(layer.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await pull();
  expect(registry.requests.some(({ range }) => /^bytes=[1-9]/.test(range ?? ""))).toBe(true);
  expect(layers.applied.size).toBe(1);
});

test("pull() refuses a blob with one bit changed and leaves nothing", async () => {
  serve();
  const bad = Buffer.from(layer);
  bad[layer.length >> 1]! ^= 1;
  registry.blobs.set(digestOf(layer), bad);
  await expect(pull()).rejects.toThrow("verification failed");
  expect([layers.applied.size, left()]).toEqual([0, 0]);
});

test("pull() refuses wrong descriptor sizes", async () => {
  for (const size of [0, layer.length - 1, -1, 2 ** 63, undefined]) {
    serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { size }));
    await expect(pull()).rejects.toThrow();
    expect([layers.applied.size, left()]).toEqual([0, 0]);
  }
});

test("pull() refuses bytes that are both index and image, or not what they are served as", async () => {
  serve((manifest) => Object.assign(manifest, { manifests: [] }));
  await expect(pull()).rejects.toThrow("both an index and an image");
  serve(() => {}, mediaTypes.ociIndex);
  await expect(pull()).rejects.toThrow("was served as");
});

test("pull() refuses a thousand layers and a manifest above the cap", async () => {
  serve((manifest) =>
    Object.assign(manifest, { layers: Array.from({ length: 1000 }, () => (manifest.layers as object[])[0]) }),
  );
  await expect(pull()).rejects.toThrow("max depth exceeded");
  serve((manifest) => Object.assign(manifest, { annotations: { a: "x".repeat(9_000_000) } }));
  await expect(pull()).rejects.toThrow("larger than");
  expect(left()).toBe(0);
});

test("hardening 133: pull() sends credentials to the registry and not past a redirect", async () => {
  serve();
  await using other = await startRegistry();
  other.blobs.set(digestOf(layer), layer);
  registry.fault = (request, response) => {
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
  await images.pull(
    { fromImage: `${registry.host}/a/b`, tag: "1", platform: "linux/amd64", auth },
    () => {},
    background(),
  );
  expect(other.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test("pull() honours a 429 and tries again", async () => {
  serve();
  let refused = 0;
  registry.fault = (_request, response) => {
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
  const before = readdirSync(join(root, "blobs/sha256")).sort();
  serve((manifest) => Object.assign(manifest, { annotations: { made: "again" } }));
  await pull();
  expect(readdirSync(join(root, "blobs/sha256")).sort()).toEqual(before);
  expect(images.resolve(`${registry.host}/a/b:1`).os).toBe("linux");
});

test("pull() by digest asks the registry, whatever is here", async () => {
  serve();
  await pull();
  const { bytes } = registry.manifests.get("1")!;
  const byDigest = (digest: string): Promise<void> => {
    const request = { fromImage: `${registry.host}/other/name`, tag: digest, platform: "linux/amd64", auth: undefined };
    return images.pull(request, () => {}, background());
  };
  await expect(byDigest(digestOf(bytes))).rejects.toThrow("manifest unknown");
  await expect(byDigest(digestOf(layer))).rejects.toThrow("manifest unknown");
  expect(() => images.resolve(`${registry.host}/other/name@${digestOf(bytes)}`)).toThrow("No such image");
  registry.manifests.set(digestOf(bytes), { bytes, mediaType: mediaTypes.ociManifest });
  await byDigest(digestOf(bytes));
  expect(images.resolve(`${registry.host}/other/name@${digestOf(bytes)}`).os).toBe("linux");
});

test("pull() unpacks a layer whose first attempt brings nothing", async () => {
  serve();
  // What a driver does with a file that grows: opens it once, and reads on from there.
  layers.applyLayer = async ({ chainId, parent }, body) => {
    if (typeof body === "string" || !("fd" in body)) throw new Error("not a growing file");
    await body.complete;
    if (fstatSync(body.fd).size !== layer.length) throw new Error("another file was filled");
    layers.applied.set(chainId, parent);
    return { size: 1 };
  };
  let refused = 0;
  registry.fault = (request, response) => {
    if (!request.url?.endsWith(digestOf(layer)) || refused++ > 0) return false;
    response.writeHead(200, { "content-length": layer.length });
    response.write("", () => setTimeout(() => response.destroy(), 300));
    return true;
  };
  await pull();
  expect([refused, layers.applied.size]).toEqual([2, 1]);
});

test("pull() refuses layers and configs of another kind by name, before it fetches them (row 36)", async () => {
  const wrong = [
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "text/plain",
    "",
  ];
  for (const mediaType of wrong) {
    serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { mediaType }));
    await expect(pull()).rejects.toThrow(`unsupported layer media type ${JSON.stringify(mediaType)}`);
  }
  serve((manifest) =>
    Object.assign(manifest.config as object, { mediaType: "application/vnd.cncf.helm.config.v1+json" }),
  );
  await expect(pull()).rejects.toThrow("application/vnd.cncf.helm.config.v1+json");
  expect(registry.requests.filter(({ url }) => url.includes("/blobs/"))).toEqual([]);
  expect(left()).toBe(0);
});

const pullAll = (fromImage: string, told: (message: ProgressMessage) => void = () => {}): Promise<void> =>
  images.pull({ fromImage, tag: "", platform: "linux/amd64", auth: undefined }, told, background());

test.each(["", ":"])("pull() of a name without a tag, written with %j, pulls all tags, page by page", async (end) => {
  serve();
  registry.manifests.set("2", registry.manifests.get("1")!);
  registry.manifests.set("3", registry.manifests.get("1")!);
  registry.fault = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (!url.pathname.endsWith("/a/b/tags/list")) return false;
    const isFirst = !url.searchParams.has("last");
    if (isFirst) response.setHeader("link", '</v2/a/b/tags/list?last=2&n=2>; rel="next"');
    response.end(JSON.stringify({ name: "a/b", tags: isFirst ? ["1", "2"] : ["3", "../4"] }));
    return true;
  };
  await pullAll(`${registry.host}/a/b${end}`);
  for (const tag of ["1", "2", "3"]) expect(images.resolve(`${registry.host}/a/b:${tag}`).os).toBe("linux");
});

test("pull() of all tags ends where the registry's pages do not (row 140)", async () => {
  let page = 0;
  let next = (): string => "?n=1000";
  registry.fault = (_request, response) => {
    response.setHeader("link", `</v2/a/b/tags/list${next()}>; rel="next"`);
    response.end(JSON.stringify({ tags: [`t${page}`] }));
    return true;
  };
  await expect(pullAll(`${registry.host}/a/b`)).rejects.toThrow("without end");
  next = () => `?last=${page++}`;
  await expect(pullAll(`${registry.host}/a/b`)).rejects.toThrow("without end");
  expect(registry.requests.length).toBeLessThan(110);
});
