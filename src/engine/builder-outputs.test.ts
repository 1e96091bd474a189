/** Outputs, attestations and caches of builds, given to clients that are objects: the builder over real stores and layers. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { entriesOf, type FoundMember, type Member, tarOf } from "../../test/fixtures/tar-builder.ts";
import { type OwnRegistry, startOwnRegistry } from "../../test/harness/own-registry.ts";
import type { BuildEvent, Builder, BuildRequest, BuiltImage } from "../builder/builder.ts";
import { pruneAll } from "../builder/cache/cache-rules.ts";
import type { BuilderOptions } from "../builder/collaborators.ts";
import { applyChanges } from "../builder/dockerfile/plan/config-changes.ts";
import { type CacheTransfer, type ClientBlobs, inStore, type Output } from "../builder/request-results.ts";
import { noSources } from "../builder/request-sources.ts";
import { createBuilder } from "../builder/service.ts";
import type { Images } from "../images/images.ts";
import { createImages } from "../images/service.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { notFound } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { createArchives } from "../snapshots/archive.ts";
import { OverlaySnapshotter } from "../snapshots/overlay.ts";
import { Database } from "../state/database.ts";
import { builderImages } from "./builder-images.ts";

interface Engine {
  readonly builder: Builder;
  readonly images: Images;
  readonly root: string;
}

const top = mkdtempSync(join(tmpdir(), "dhow-outputs-"));
let registry: OwnRegistry | undefined;
beforeAll(async () => {
  registry = await startOwnRegistry();
}, 60_000);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(top, { recursive: true });
}, 60_000);

let engines = 0;
function engine(): Engine {
  const root = join(top, `e${engines++}`);
  mkdirSync(root);
  const db = Database.open(":memory:");
  const snapshots = new OverlaySnapshotter(join(root, "store"));
  const images = createImages({
    db,
    contentRoot: join(root, "content"),
    snapshots,
    config: {
      registry: { mirrors: [], insecure: [] },
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
      maxDownloadAttempts: 1,
    },
    applyChanges,
    usersOf: () => [],
    emit: () => {},
  });
  const archives = createArchives();
  const builder = createBuilder({
    db,
    images: builderImages(images),
    snapshots,
    // Of what only a RUN needs, these builds have none.
    networks: {} as BuilderOptions["networks"],
    runtime: { onExit: () => {} } as unknown as BuilderOptions["runtime"],
    bundles: { userOf: () => ({ uid: 5, gid: 6 }) } as unknown as BuilderOptions["bundles"],
    paths: { build: join(root, "build"), bundles: join(root, "bundles"), rootfs: join(root, "rootfs") },
    unpack: (directory, tar, op) => archives.writeArchive(directory, "/", tar, {}, op),
    copyUp: async () => {},
    grants: new Set(),
    cacheLimits: { enabled: false },
    discard: (path) => rmSync(path, { recursive: true, force: true }),
    log: () => {},
  });
  return { builder, images, root };
}

const plain: BuildRequest = {
  dockerfile: "Dockerfile",
  names: [],
  buildArgs: {},
  labels: {},
  target: "",
  noCache: false,
  pull: false,
  platform: "",
  networkMode: "default",
  extraHosts: [],
  limits: {
    memory: 0,
    memorySwap: 0,
    cpuShares: 0,
    cpuPeriod: 0,
    cpuQuota: 0,
    cpusetCpus: "",
    cpusetMems: "",
    shmSize: 0,
    cgroupParent: "",
    ulimits: [],
  },
  auths: new Map(),
  noCacheStages: [],
  grants: new Set(),
  namedContexts: new Map(),
  ...noSources,
  outputs: [inStore],
  attestations: [],
  cacheFrom: [],
  cacheTo: [],
  keepsFailed: false,
};

async function build(
  { builder }: Engine,
  dockerfile: string,
  files: readonly Member[],
  request: Partial<BuildRequest> = {},
): Promise<BuiltImage & { readonly events: BuildEvent[] }> {
  const tar = tarOf({ path: "Dockerfile", type: "file", data: dockerfile }, ...files);
  const events: BuildEvent[] = [];
  const main = { kind: "archive", tar: Readable.from([tar]) } as const;
  const built = await builder.build({ ...plain, ...request }, main, (event) => events.push(event), background());
  return { ...built, events };
}

/** An output that is one archive, and what was in it. */
function archive(type: "tar" | "oci" | "docker", attributes: Record<string, string> = {}) {
  const taken = Promise.withResolvers<Buffer>();
  const open = async (): Promise<Writable> => {
    const stream = new PassThrough();
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => taken.resolve(Buffer.concat(parts)));
    stream.on("error", taken.reject);
    return stream;
  };
  const output: Output = { type, attributes, open };
  return { output, members: async (): Promise<Map<string, FoundMember>> => entriesOf(await taken.promise) };
}

/** A client's directory. */
function clientBlobs(): ClientBlobs & { readonly blobs: Map<Digest, Buffer> } {
  const blobs = new Map<Digest, Buffer>();
  return {
    blobs,
    has: async ({ digest }) => blobs.has(digest),
    async read(digest) {
      const found = blobs.get(digest);
      if (!found) throw notFound(`blob ${digest} not found`);
      return Readable.from([found]);
    },
    async write({ digest }, bytes) {
      const parts: Uint8Array[] = [];
      for await (const part of bytes) parts.push(part);
      blobs.set(digest, Buffer.concat(parts));
    },
  };
}

interface Manifest {
  readonly mediaType: string;
  readonly annotations?: Record<string, string>;
  readonly config: { readonly digest: Digest; readonly mediaType: string };
  readonly layers: readonly {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly annotations?: Record<string, string>;
  }[];
  readonly manifests: readonly {
    readonly digest: Digest;
    readonly platform: { readonly os: string; readonly architecture: string };
    readonly annotations?: Record<string, string>;
  }[];
}

const json = <T>(members: ReadonlyMap<string, FoundMember>, path: string): T =>
  JSON.parse(members.get(path)?.data.toString() ?? "null") as T;
const blob = <T>(members: ReadonlyMap<string, FoundMember>, digest: Digest): T =>
  json(members, `blobs/sha256/${digest.slice(7)}`);

const file = (path: string, data: string, mtime = 1_700_000_000): Member => ({
  path,
  type: "file",
  data,
  mtime: { sec: mtime, nsec: 0 },
});

test("an output of files is the root with its owners, modes, times and links, and nothing is left of it", async () => {
  const own = engine();
  const out = archive("tar");
  await build(
    own,
    "FROM scratch\nCOPY --chown=5:6 --chmod=4750 a /d/a\nCOPY e /\n",
    [file("a", "A"), { path: "e/l", type: "symlink", linkPath: "/d/a" }, file("unused", "x")],
    { outputs: [out.output] },
  );
  const members = await out.members();
  expect([...members.keys()]).toEqual(["d/", "d/a", "l"]);
  expect(members.get("d/a")?.entry).toMatchObject({ mode: 0o4750, uid: 5, gid: 6 });
  expect(members.get("d/a")?.entry.mtime.sec).toBe(1_700_000_000);
  expect(members.get("l")?.entry).toMatchObject({ type: "symlink" });
  expect(readdirSync(join(own.root, "rootfs"))).toEqual([]);
  expect(own.images.building.find("nothing", null)).toBeNull();
});

test("a local output shows the files of each platform in a directory of its own", async () => {
  const own = engine();
  const shown: string[] = [];
  const receive = async ({ root }: { readonly root: string }): Promise<void> => {
    for (const platform of readdirSync(root).sort()) {
      shown.push(`${platform}: ${readFileSync(join(root, platform, "arch"), "utf8")}`);
    }
  };
  await build(own, "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n", [file("amd64", "a"), file("arm64", "b")], {
    platform: "linux/arm64,linux/amd64",
    outputs: [{ type: "local", attributes: {}, receive }],
  });
  expect(shown).toEqual(["linux_amd64: a", "linux_arm64: b"]);
  expect(readdirSync(join(own.root, "rootfs"))).toEqual([]);
});

test("several platforms are one index, in the store and in an OCI archive; its steps are counted over all", async () => {
  const own = engine();
  const out = archive("oci", { "annotation-index.who": "me", "annotation-manifest[linux/arm64].k": "v" });
  const built = await build(
    own,
    "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n",
    [file("amd64", "a"), file("arm64", "b")],
    {
      platform: "linux/amd64,linux/arm64",
      names: ["multi"],
      outputs: [{ type: "image", push: false, attributes: {} }, out.output],
    },
  );
  const planned = built.events.find((event) => event.kind === "planned");
  const finished = built.events.filter((event) => event.kind === "finished").map(({ step }) => step);
  expect(finished.sort((a, b) => a - b)).toEqual(planned?.steps.map((_, i) => i) ?? []);
  const members = await out.members();
  const [entry] = json<Manifest>(members, "index.json").manifests;
  expect(entry?.annotations?.["io.containerd.image.name"]).toBe("docker.io/library/multi:latest");
  const index = blob<Manifest>(members, entry!.digest);
  expect(index.annotations).toEqual({ who: "me" });
  expect(index.manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
  const [amd, arm] = index.manifests.map(({ digest }) => blob<Manifest>(members, digest));
  expect([amd?.annotations, arm?.annotations]).toEqual([undefined, { k: "v" }]);
  expect(arm?.layers[0]?.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  // The image of the host's platform is what the name means here; the other one stays with it, and goes with it.
  const inspected = await own.images.inspect("multi", { manifests: false, platform: "" }, background());
  expect(inspected.Architecture).toBe(process.arch === "x64" ? "amd64" : process.arch);
  expect(inspected.Descriptor?.mediaType).toBe("application/vnd.oci.image.index.v1+json");
  const saved = Readable.from(await own.images.save(["multi"], { platforms: [] }, background()));
  const parts: Buffer[] = [];
  for await (const part of saved) parts.push(part as Buffer);
  const other = engine();
  await other.images.load(
    { quiet: true, platforms: [] },
    Readable.from([Buffer.concat(parts)]),
    () => {},
    background(),
  );
  const loaded = await other.images.inspect("multi", { manifests: false, platform: "" }, background());
  expect(loaded.Descriptor?.digest).toBe(inspected.Descriptor!.digest);
  await own.images.remove("multi", { force: false, noprune: false, platforms: [] }, background());
  await own.builder.prune(pruneAll);
  expect(readdirSync(join(own.root, "content/blobs/sha256"))).toEqual([]);
});

test("attestations lie beside the image, say where it comes from, and keep what is nobody's business", async () => {
  const own = engine();
  const out = archive("oci");
  const attestations = [
    { type: "provenance", attributes: { mode: "max" } },
    { type: "sbom", attributes: {} },
  ] as const;
  const status =
    "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
  const dockerfile =
    "FROM scratch\nARG WHO\nCOPY status /var/lib/dpkg/status\nCOPY package.json /app/node_modules/@a/b/package.json\n";
  const built = await build(
    own,
    dockerfile,
    [file("status", status), file("package.json", '{"name":"@a/b","version":"2.0.0","license":"MIT"}')],
    {
      names: ["attested:1"],
      buildArgs: { WHO: "https://me:hunter2@example.com/" },
      attestations,
      outputs: [{ type: "image", push: false, attributes: {} }, out.output],
    },
  );
  const members = await out.members();
  const index = blob<Manifest>(members, json<Manifest>(members, "index.json").manifests[0]!.digest);
  const [image, attestation] = index.manifests;
  expect(attestation?.platform).toEqual({ architecture: "unknown", os: "unknown" });
  expect(attestation?.annotations).toEqual({
    "vnd.docker.reference.digest": image!.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  });
  const manifest = blob<Manifest>(members, attestation!.digest);
  expect(manifest.layers.map(({ annotations }) => annotations?.["in-toto.io/predicate-type"])).toEqual([
    "https://spdx.dev/Document",
    "https://slsa.dev/provenance/v0.2",
  ]);
  const [sbom, provenance] = manifest.layers.map(({ digest }) => blob<Record<string, never>>(members, digest));
  expect(provenance?.subject).toEqual([
    { name: "pkg:docker/attested@1?platform=linux%2Famd64", digest: { sha256: image!.digest.slice(7) } },
  ] as never);
  const said = JSON.stringify(provenance);
  expect(said).toContain('"build-arg:WHO":"https://xxxxx:xxxxx@example.com/"');
  expect(said).not.toContain("hunter2");
  // What a metadata file gets of it: nothing that differs with each build, as buildx has it.
  expect(built.facts["image.name"]).toBe("docker.io/library/attested:1");
  const summary = Buffer.from(built.facts["buildx.build.provenance"]!, "base64").toString();
  expect(Object.keys(JSON.parse(summary))).toEqual(["builder", "buildType", "materials", "invocation"]);
  expect(summary).toContain('"build-arg:WHO":"https://xxxxx:xxxxx@example.com/"');
  const packages = (
    sbom as unknown as { predicate: { packages: { name: string; externalRefs?: { referenceLocator: string }[] }[] } }
  ).predicate.packages;
  expect(packages.flatMap(({ externalRefs }) => externalRefs?.map((ref) => ref.referenceLocator) ?? []).sort()).toEqual(
    ["pkg:deb/zlib1g@1:1.2.13?arch=amd64", "pkg:npm/%40a/b@2.0.0"],
  );
  // The attestation is no image of its own, and stays as long as the image does.
  expect(
    (await own.images.list({ all: true, filters: new Map(), sharedSize: false, manifests: false }, background()))
      .length,
  ).toBe(1);
  expect(own.images.outputs.isHere({ digest: attestation!.digest, size: 0 })).toBe(false);
});

test("a files output has its attestations as files", async () => {
  const own = engine();
  const out = archive("tar");
  await build(own, "FROM scratch\nCOPY a /a\n", [file("a", "A")], {
    attestations: [{ type: "provenance", attributes: {} }],
    outputs: [out.output],
  });
  const members = await out.members();
  expect([...members.keys()]).toEqual(["a", "provenance.json"]);
  expect(json<{ predicateType: string }>(members, "provenance.json").predicateType).toBe(
    "https://slsa.dev/provenance/v0.2",
  );
});

test.each(["gzip", "zstd", "uncompressed"])(
  "layers are packed as %s, and equal input is an equal archive",
  async (compression) => {
    const attributes = { compression, "rewrite-timestamp": "true" };
    const archives = await Promise.all(
      [1_800_000_000, 1_900_000_000].map(async (mtime) => {
        const out = archive("oci", attributes);
        await build(engine(), "FROM scratch\nCOPY a /a\nLABEL x=1\n", [file("a", "A", mtime)], {
          names: ["same"],
          buildArgs: { SOURCE_DATE_EPOCH: "1000" },
          outputs: [out.output],
        });
        return await out.members();
      }),
    );
    const [first, second] = archives.map((members) =>
      [...members].map(([name, { data }]) => `${name} ${digestOf(data)}`),
    );
    expect(first).toEqual(second!);
    const manifest = blob<Manifest>(archives[0]!, json<Manifest>(archives[0]!, "index.json").manifests[0]!.digest);
    const suffix = compression === "uncompressed" ? "tar" : `tar+${compression}`;
    expect(manifest.layers[0]?.mediaType).toBe(`application/vnd.oci.image.layer.v1.${suffix}`);
    const config = blob<{ created: string }>(archives[0]!, manifest.config.digest);
    expect(config.created).toBe("1970-01-01T00:16:40.000Z");
  },
);

test("what no output has is refused by its name, before anything is built", async () => {
  const own = engine();
  const refused = async (request: Partial<BuildRequest>): Promise<string> =>
    await build(own, "FROM scratch\nCOPY a /a\n", [file("a", "A")], request).then(
      () => "built",
      (error: Error) => error.message,
    );
  const image = (attributes: Record<string, string>): Partial<BuildRequest> => ({
    outputs: [{ type: "image", push: false, attributes }],
  });
  expect(await refused(image({ compression: "estargz" }))).toContain("estargz is not supported");
  expect(await refused(image({ colour: "red" }))).toContain('unknown attribute "colour"');
  expect(await refused(image({ compression: "gzip", "compression-level": "22" }))).toContain("gzip has 0 to 9");
  expect(await refused(image({ push: "perhaps" }))).toContain('non-bool value "perhaps"');
  expect(await refused({ attestations: [{ type: "sbom", attributes: { generator: "x/y" } }] })).toContain(
    "x/y is not supported",
  );
  expect(await refused({ cacheTo: [{ type: "gha", attributes: {} }] })).toContain("cache type gha is not supported");
  expect(await refused({ cacheTo: [{ type: "registry", attributes: {} }] })).toContain("needs a ref");
});

const cachedSteps = (events: readonly BuildEvent[]): boolean[] =>
  events.flatMap((event) => (event.kind === "finished" ? [event.cached] : []));

const twoStages = "FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY b /b\nCOPY --from=one /a /c\n";
const twoFiles = [file("a", "A"), file("b", "B")];

test.each([
  ["min", [false, false, false, true, true]],
  ["max", [false, true, false, true, true]],
])("a cache in a client's directory (mode=%s) is what another engine builds from", async (mode, hits) => {
  const blobs = clientBlobs();
  const made = await build(engine(), twoStages, twoFiles, {
    names: ["x"],
    cacheTo: [{ type: "local", attributes: { mode }, blobs }],
  });
  const manifest = JSON.parse(made.facts["cache.manifest"]!) as { digest: Digest };
  const again = await build(engine(), twoStages, twoFiles, {
    names: ["x"],
    cacheFrom: [{ type: "local", attributes: { digest: manifest.digest }, blobs }],
  });
  const order = again.events.flatMap((event) =>
    event.kind === "finished" ? [[event.step, event.cached] as const] : [],
  );
  expect(order.sort(([a], [b]) => a - b).map(([, cached]) => cached)).toEqual(hits);
  expect(again.id).toBe(made.id);
});

test("a spoilt or lying cache gives no layer: the step is carried out", async () => {
  const blobs = clientBlobs();
  const dockerfile = "FROM scratch\nCOPY a /a\n";
  const made = await build(engine(), dockerfile, [file("a", "A")], {
    cacheTo: [{ type: "local", attributes: {}, blobs }],
  });
  const { digest } = JSON.parse(made.facts["cache.manifest"]!) as { digest: Digest };
  const manifest = JSON.parse(blobs.blobs.get(digest)!.toString()) as Manifest;
  const layer = manifest.layers[0]!.digest;
  const from = (at: Digest): Partial<BuildRequest> => ({
    cacheFrom: [{ type: "local", attributes: { digest: at }, blobs }],
  });
  // Other bytes under the layer's digest.
  const good = blobs.blobs.get(layer)!;
  blobs.blobs.set(layer, Buffer.from(good).fill(7, 20));
  expect(cachedSteps((await build(engine(), dockerfile, [file("a", "A")], from(digest))).events)).toEqual([
    false,
    false,
  ]);
  // A true blob that is not what the configuration says it unpacks to.
  const evil = tarOf({ path: "a", type: "file", data: "evil" });
  blobs.blobs.set(digestOf(evil), evil);
  const config = JSON.parse(blobs.blobs.get(manifest.config.digest)!.toString()) as {
    layers: { blob: string; annotations: Record<string, unknown> }[];
  };
  config.layers[0]!.blob = digestOf(evil);
  Object.assign(config.layers[0]!.annotations, {
    size: evil.length,
    mediaType: "application/vnd.oci.image.layer.v1.tar",
  });
  const forged = Buffer.from(JSON.stringify(config));
  blobs.blobs.set(digestOf(forged), forged);
  const top = Buffer.from(
    JSON.stringify({ ...manifest, config: { ...manifest.config, digest: digestOf(forged), size: forged.length } }),
  );
  blobs.blobs.set(digestOf(top), top);
  const out = archive("tar");
  const rebuilt = await build(engine(), dockerfile, [file("a", "A")], {
    ...from(digestOf(top)),
    outputs: [out.output],
  });
  expect(cachedSteps(rebuilt.events)).toEqual([false, false]);
  expect((await out.members()).get("a")?.data.toString()).toBe("A");
});

test("a cache at a registry, and one inside a pushed image, serve another engine; one that is not there is a warning", async () => {
  const host = registry!.host;
  const push: Output = { type: "image", push: true, attributes: {} };
  const cacheTo: CacheTransfer[] = [
    { type: "registry", attributes: { ref: `${host}/cache:max`, mode: "max" } },
    { type: "inline", attributes: {} },
  ];
  const made = await build(engine(), twoStages, twoFiles, { names: [`${host}/inline:1`], outputs: [push], cacheTo });
  const from = async (ref: string) =>
    await build(engine(), twoStages, twoFiles, { cacheFrom: [{ type: "registry", attributes: { ref } }] });
  const ofCache = await from(`${host}/cache:max`);
  expect(cachedSteps(ofCache.events).filter((cached) => cached).length).toBe(3);
  const ofImage = await from(`${host}/inline:1`);
  expect(cachedSteps(ofImage.events).filter((cached) => cached).length).toBe(2);
  expect(ofCache.id).not.toBe(made.id); // its configuration has no cache in it
  const missing = await from(`${host}/none:1`);
  const planned = missing.events.find((event) => event.kind === "planned");
  expect(planned?.warnings.join()).toContain(`cache registry ${host}/none:1 is not imported`);
});

test("an image is pushed under its names with its attestations, or by its digest alone", async () => {
  const host = registry!.host;
  const own = engine();
  const attestations = [{ type: "provenance", attributes: { "inline-only": "true" } }] as const;
  const built = await build(own, "FROM scratch\nCOPY a /a\n", [file("a", "A")], {
    names: [`${host}/pushed:1`, `${host}/pushed:2`],
    attestations,
    outputs: [{ type: "image", push: true, attributes: {} }],
  });
  const accept = { accept: "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json" };
  for (const tag of ["1", "2"]) {
    const answer = await fetch(`http://${host}/v2/pushed/manifests/${tag}`, { headers: accept });
    expect(answer.headers.get("docker-content-digest")).toBe(built.facts["containerimage.digest"]!);
    expect(((await answer.json()) as Manifest).manifests.length).toBe(2);
  }
  const inspected = await own.images.inspect(`${host}/pushed:1`, { manifests: false, platform: "" }, background());
  expect(inspected.RepoDigests).toEqual([`${host}/pushed@${built.facts["containerimage.digest"]}`]);
  const alone = await build(own, "FROM scratch\nCOPY a /b\n", [file("a", "A")], {
    names: [`${host}/alone`],
    outputs: [{ type: "image", push: true, attributes: { "push-by-digest": "true" } }],
  });
  const digest = alone.facts["containerimage.digest"];
  expect((await fetch(`http://${host}/v2/alone/manifests/${digest}`, { headers: accept })).status).toBe(200);
  expect((await fetch(`http://${host}/v2/alone/manifests/latest`, { headers: accept })).status).toBe(404);
  const nowhere = await build(own, "FROM scratch\nCOPY a /a\n", [file("a", "A")], {
    outputs: [{ type: "image", push: true, attributes: {} }],
  }).then(
    () => "built",
    (error: Error) => error.message,
  );
  expect(nowhere).toBe("tag is needed when pushing to registry");
});

test("tar=false gives an OCI layout blob by blob", async () => {
  const blobs = clientBlobs();
  const open = (): Promise<Writable> => Promise.reject(new Error("not asked for"));
  const output: Output = { type: "oci", attributes: { tar: "false" }, open, blobs };
  const { facts } = await build(engine(), "FROM scratch\nCOPY a /a\n", [file("a", "A")], { outputs: [output] });
  const manifest = JSON.parse(blobs.blobs.get(facts["containerimage.digest"] as Digest)!.toString()) as Manifest;
  for (const { digest } of [manifest.config, ...manifest.layers])
    expect(digestOf(blobs.blobs.get(digest)!)).toBe(digest);
});

test("a client's OCI layout is the image of a named context, by platform, and no blob of another digest is taken", async () => {
  const blobs = clientBlobs();
  const open = (): Promise<Writable> => Promise.reject(new Error("not asked for"));
  const output: Output = { type: "oci", attributes: { tar: "false", compression: "gzip" }, open, blobs };
  const dockerfile = "FROM scratch\nENV WHERE=layout\nCOPY a /a\n";
  const platform = "linux/amd64,linux/arm64";
  const { facts } = await build(engine(), dockerfile, [file("a", "A")], { platform, outputs: [output] });
  const own = engine();
  const digest = facts["containerimage.digest"]!;
  const clientFiles = { receive: () => Promise.reject(new Error("no files")), layout: () => blobs };
  const from = (at: string): Partial<BuildRequest> => ({
    clientFiles,
    namedContexts: new Map([["lay", `oci-layout://store:latest@${at}`]]),
  });
  const out = archive("docker");
  await build(own, "FROM lay\nCOPY --from=lay /a /b\n", [], { ...from(digest), outputs: [out.output], names: ["x"] });
  const members = await out.members();
  const [image] = json<{ Config: string; Layers: string[] }[]>(members, "manifest.json");
  expect(json<{ config: { Env: string[] } }>(members, image!.Config).config.Env).toContain("WHERE=layout");
  const plainOf = (data: Buffer): Buffer => (data[0] === 0x1f ? gunzipSync(data) : data);
  const namesIn = (path: string): string[] => [...entriesOf(plainOf(members.get(path)!.data)).keys()];
  expect(image?.Layers.map(namesIn)).toEqual([["a"], ["b"]]);
  const wrong = build(engine(), "FROM lay\n", [], from(`sha256:${"0".repeat(64)}`));
  await expect(wrong).rejects.toThrow("not found");
  await expect(build(engine(), "FROM lay\n", [], from("sha256:short"))).rejects.toThrow(
    "want oci-layout://STORE@DIGEST",
  );
  for (const [at, bytes] of blobs.blobs)
    if (!bytes.toString().startsWith("{")) blobs.blobs.set(at, Buffer.from("spoilt"));
  await expect(build(engine(), "FROM lay\n", [], from(digest))).rejects.toThrow(/size|digest/);
});

test("--squash leaves one layer above the base, with what was deleted gone", async () => {
  const own = engine();
  await build(own, "FROM scratch\nCOPY a /a\nCOPY a /d/x\n", [file("a", "A")], { names: ["base"] });
  const out = archive("docker");
  await build(own, "FROM base\nCOPY b /b\nCOPY c /a\nCOPY c /c\n", [file("b", "B"), file("c", "C")], {
    squash: true,
    names: ["squashed"],
    outputs: [out.output],
  });
  const members = await out.members();
  const [image] = json<{ Config: string; Layers: string[] }[]>(members, "manifest.json");
  expect(image?.Layers.length).toBe(3);
  expect([...entriesOf(members.get(image!.Layers[2]!)!.data).keys()]).toEqual(["a", "b", "c"]);
  const config = json<{ history: { empty_layer?: boolean }[] }>(members, image!.Config);
  expect(config.history.map((row) => row.empty_layer ?? false)).toEqual([false, false, true, true, true, false]);
  expect(await text(Readable.from([members.get(image!.Layers[2]!)!.data]))).toContain("C");
});
