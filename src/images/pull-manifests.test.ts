/** Hardening, sections A and G: manifests, indexes and tag lists made to hurt. */
import { expect, test } from "bun:test";
import { endless, inFlight, pullBench } from "../../test/fixtures/pull-bench.ts";
import { startRegistry } from "../../test/fixtures/registry.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
import { mediaTypes } from "./manifest.ts";

const bench = pullBench(2);
const { serve, serveBytes, pull } = bench;

test("hardening 21: pull() asks for nothing by a digest that is none", async () => {
  const bad = [
    "sha256:../../x",
    `sha256:${"A".repeat(64)}`,
    "md5:00",
    "sha256:",
    `sha512:${"a".repeat(128)}`,
    "",
    null,
  ];
  const problem = (digest: string | null): string => {
    const algorithm = /^(md5|sha512):/.exec(digest ?? "")?.[1];
    return algorithm ? `invalid digest: unsupported digest algorithm ${algorithm}` : "invalid digest";
  };
  for (const digest of bad) {
    for (const kind of ["layers", "config"] as const) {
      serve((manifest) => Object.assign([manifest[kind]].flat()[0] as object, { digest }));
      await bench.refused(problem(digest));
    }
    serveBytes(
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: mediaTypes.ociManifest, digest, size: 2 }] }),
      mediaTypes.ociIndex,
    );
    await bench.refused(problem(digest));
  }
  expect(bench.registry.requests.every(({ url }) => url === "/v2/a/b/manifests/1")).toBe(true);
  const before = bench.registry.requests.length;
  for (const tag of ["sha256:../../x", `sha256:${"A".repeat(64)}`, "../x", "a/b", "%2e%2e"]) {
    const request = { fromImage: `${bench.registry.host}/a/b`, tag, platform: "linux/amd64", auth: undefined };
    await expect(bench.images.pull(request, () => {}, background())).rejects.toThrow(/invalid|unsupported/);
  }
  expect(bench.registry.requests.length).toBe(before);
});

test("hardening 22: pull() refuses bytes that are both index and image, or not what they are served as", async () => {
  serve((manifest) => Object.assign(manifest, { manifests: [] }));
  await bench.refused("both an index and an image");
  serve(() => {}, mediaTypes.ociIndex);
  await bench.refused("was served as");
  serve((manifest) => Object.assign(manifest, { mediaType: mediaTypes.dockerManifest }));
  await bench.refused("was served as");
  serve((manifest) => Object.assign(manifest, { mediaType: undefined }), mediaTypes.ociIndex);
  await bench.refused("not what its media type");
  serveBytes('{"schemaVersion":2,"manifests":[]}', mediaTypes.ociManifest);
  await bench.refused("not what its media type");
  // One text under two types: as a manifest it was taken, as an index it is not.
  serve((manifest) => Object.assign(manifest, { mediaType: undefined }));
  await pull();
  const { bytes } = bench.registry.manifests.get("1")!;
  serveBytes(bytes, mediaTypes.dockerList);
  await expect(pull()).rejects.toThrow("not what its media type");
});

test("hardening 23: pull() takes a manifest of five megabytes, and none above the cap whatever its length says", async () => {
  const padded = (bytes: number) =>
    serve((manifest) => Object.assign(manifest, { annotations: { a: "x".repeat(bytes) } }));
  padded(9_000_000);
  await bench.refused("larger than");
  const { bytes } = bench.registry.manifests.get("1")!;
  bench.registry.fault = (request, response) => {
    if (!request.url?.includes("/manifests/")) return false;
    // No length at all, and one that lies: the count of what comes decides.
    if (bench.asked("/manifests/") % 2 === 0) response.end(bytes);
    else response.writeHead(200, { "content-type": mediaTypes.ociManifest }).write(bytes, () => response.end());
    return true;
  };
  await bench.refused("larger than");
  await bench.refused("larger than");
  bench.registry.fault = null;
  padded(5_000_000);
  await pull();
  expect(bench.layers.applied.size).toBe(1);
});

test("hardening 24: pull() refuses 128, a thousand and a hundred thousand layers within a second", async () => {
  for (const count of [128, 1000, 60_000, 100_000]) {
    serve((manifest) =>
      Object.assign(manifest, { layers: Array.from({ length: count }, () => (manifest.layers as object[])[0]) }),
    );
    const begun = performance.now();
    await bench.refused(/max depth exceeded|larger than/);
    expect(performance.now() - begun).toBeLessThan(1000);
  }
  expect(bench.asked("/blobs/")).toBe(0);
});

const place = (what: object, mediaType: string): { mediaType: string; digest: string; size: number } => {
  const bytes = Buffer.from(JSON.stringify(what));
  bench.registry.manifests.set(digestOf(bytes), { bytes, mediaType });
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
};

test("hardening 25: pull() follows an index three deep and no further, nor one that names itself", async () => {
  let at = place({ schemaVersion: 2, manifests: [] }, mediaTypes.ociIndex);
  for (let i = 0; i < 100; i++) at = place({ schemaVersion: 2, manifests: [at] }, mediaTypes.ociIndex);
  serveBytes(bench.registry.manifests.get(at.digest)!.bytes, mediaTypes.ociIndex);
  await bench.refused("no matching manifest");
  expect(bench.asked("/manifests/")).toBeLessThan(6);
  // No text holds its own digest: a registry that pretends so is found out by the first look.
  const own = { mediaType: mediaTypes.ociIndex, digest: digestOf("own"), size: 300 };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [own] }));
  serveBytes(bytes, mediaTypes.ociIndex);
  bench.registry.manifests.set(own.digest, { bytes, mediaType: mediaTypes.ociIndex });
  await bench.refused("verification failed");
});

test("hardening 25: pull() takes the first of equal entries, among ten thousand too, and refuses more", async () => {
  serve();
  const first = place(JSON.parse(String(bench.registry.manifests.get("1")!.bytes)), mediaTypes.ociManifest);
  const platform = { os: "linux", architecture: "amd64" };
  const other = { ...first, digest: digestOf("other"), platform: { os: "plan9", architecture: "mips" } };
  const twins = [
    { ...first, platform },
    { ...first, digest: digestOf("second"), platform },
  ];
  const many = (count: number) => [...Array.from({ length: count - 2 }, () => other), ...twins];
  for (const count of [2, 10_000]) {
    serveBytes(JSON.stringify({ schemaVersion: 2, manifests: many(count) }), mediaTypes.ociIndex);
    const begun = performance.now();
    await pull();
    expect(performance.now() - begun).toBeLessThan(5000);
  }
  expect(bench.asked(digestOf("second"))).toBe(0);
  serveBytes(JSON.stringify({ schemaVersion: 2, manifests: many(10_001) }), mediaTypes.ociIndex);
  await expect(pull()).rejects.toThrow("too many manifests");
});

test("hardening 36: pull() refuses layers and configs of another kind by name, before it fetches them", async () => {
  const wrong = [
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.oci.image.layer.v1.tar+foo",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "text/plain",
    "",
  ];
  for (const mediaType of wrong) {
    serve((manifest) => Object.assign((manifest.layers as object[])[0]!, { mediaType }));
    await bench.refused(`unsupported layer media type ${JSON.stringify(mediaType)}`);
  }
  serve((manifest) =>
    Object.assign(manifest.config as object, { mediaType: "application/vnd.cncf.helm.config.v1+json" }),
  );
  await bench.refused(/application\/vnd\.cncf\.helm\.config\.v1\+json/);
  expect(bench.asked("/blobs/")).toBe(0);
});

test("hardening 140: pull() of all tags ends where the registry's pages do not", async () => {
  const pullAll = () =>
    bench.images.pull(
      { fromImage: `${bench.registry.host}/a/b`, tag: "", platform: "linux/amd64", auth: undefined },
      () => {},
      background(),
    );
  await using other = await startRegistry();
  let page = 0;
  let next = (): string => "</v2/a/b/tags/list?n=1000>";
  bench.registry.fault = (_request, response) => {
    response.setHeader("link", `${next()}; rel="next"`);
    response.end(JSON.stringify({ tags: [`t${page}`] }));
    return true;
  };
  await expect(pullAll()).rejects.toThrow("without end");
  next = () => `</v2/a/b/tags/list?last=${page++}>`;
  await expect(pullAll()).rejects.toThrow("without end");
  next = () => `<http://${other.host}/v2/a/b/tags/list?last=x>`;
  await expect(pullAll()).rejects.toThrow("without end");
  expect(bench.registry.requests.length).toBeLessThan(120);
  expect(other.requests).toEqual([]);
  const sent = { bytes: 0 };
  bench.registry.fault = (_request, response) => {
    endless(response, sent);
    return true;
  };
  await expect(pullAll()).rejects.toThrow("larger than");
  expect(sent.bytes).toBeLessThan((4 << 20) + inFlight);
});
