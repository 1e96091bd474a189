/** Hardening, section A, rows 13 and 16: archives that unpack to far more than they are, by each way into a daemon whose disk is small. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { peakPssKb, pssKb } from "../../bench/measure.ts";
import { digestOf } from "../../src/lib/digest.ts";
import { tarEnd, tarHeader } from "../../src/lib/tar/writer.ts";
import { MNT_DETACH, mount, unmount } from "../../src/linux/mount.ts";
import { archiveOf, imageArchive } from "../fixtures/docker-archive.ts";
import { manifestIn, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar-builder.ts";
import { slowness, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { importTar, loadArchive, type Outcome, pullImage, putArchive, stored } from "../harness/image-api.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";

const MiB = 1 << 20;
const diskMib = 56;
const inodes = 20_000;
/** What the daemon and its helpers may hold above what they hold at rest. */
const memoryMib = 200;

const dir = mkdtempSync(join(tmpdir(), "dhow-bombs-"));
const disk = join(dir, "disk");
let daemon: TestDaemon;
let before: Ledger;
let idleKb = 0;

beforeAll(async () => {
  rmSync(disk, { recursive: true, force: true });
  spawnSync("mkdir", [disk]);
  mount("tmpfs", disk, "tmpfs", 0, `size=${diskMib}m,nr_inodes=${inodes}`);
  daemon = await TestDaemon.start({ flags: [`--data-root=${disk}/data`] });
  await importTar(daemon, "small", tarOf({ path: "tmp/", type: "directory" }, { path: "x", type: "file", data: "x" }));
  await daemon.must("create", "--name", "target", "small", "x");
  await putArchive(daemon, "target", "/tmp", tarEnd);
  await daemon.must("rm", "target");
  before = await settledLedger(daemon);
  idleKb = await pssKb(await family());
}, 60_000 * slowness);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  unmount(disk, MNT_DETACH);
  rmSync(dir, { recursive: true, force: true });
}, 60_000 * slowness);

/** The daemon and the helpers that it has at the moment. */
async function family(): Promise<number[]> {
  const children = readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+ \(.*\) . (\d+) /s.exec(readFileSync(`/proc/${Number(pid)}/stat`, "utf8"))?.[1] === `${daemon.pid}`;
    } catch {
      return false;
    }
  });
  return [daemon.pid, ...children.map(Number)];
}

const pack = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
  xz: (bytes: Buffer) => spawnSync("xz", ["-c"], { input: bytes }).stdout,
  bzip2: (bytes: Buffer) => spawnSync("bzip2", ["-c"], { input: bytes }).stdout,
};
type Format = keyof typeof pack;

/** A file of ten gigabytes of zeros in an archive of ten megabytes or far less: one packed member after another. */
function bomb(format: Format): Buffer {
  const size = 10 * 1024 * MiB;
  const zeros = pack[format](Buffer.alloc(64 * MiB));
  const head = tarHeader({ path: Buffer.from("zeros"), type: "file", mode: 0o644, size });
  const members = Array.from({ length: size / (64 * MiB) }, () => zeros);
  return Buffer.concat([pack[format](head), ...members, pack[format](tarEnd)]);
}

/** A layer whose digest unpacked is anybody's guess: it is refused before anybody knows. */
async function pull(d: TestDaemon, layer: Buffer): Promise<Outcome> {
  await using registry = await startRegistry();
  const rootfs = { type: "layers", diff_ids: [digestOf("unknown")] };
  const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs }));
  for (const blob of [config, layer]) registry.blobs.set(digestOf(blob), blob);
  registry.manifests.set("1", registry.manifests.get(manifestIn(registry, config, [layer]).digest)!);
  return await pullImage(d, `${registry.host}/bomb`, "1");
}

const ways: Record<string, (d: TestDaemon, packed: Buffer) => Promise<Outcome>> = {
  pull,
  "load of a packed layer": (d, layer) => loadArchive(d, imageArchive({ name: "bomb:1", layers: [layer] })),
  "load of a packed archive": loadArchive,
  import: (d, layer) => importTar(d, "bomb", layer),
  "archive PUT": (d, tar) => putArchive(d, "target", "/tmp", tar),
};

const freeBlocks = (): number => statfsSync(disk).bavail;

/** Runs `work`, which must say `words`, and holds it to the disk's budget, the memory's and the ledger. */
async function held(work: () => Promise<Outcome>, words: string | RegExp): Promise<void> {
  const kept = stored(daemon);
  const free = freeBlocks();
  await daemon.must("create", "--name", "target", "small", "x");
  let leastFree = Number.POSITIVE_INFINITY;
  const watching = setInterval(() => {
    leastFree = Math.min(leastFree, freeBlocks());
  }, 2);
  const peakKb = await peakPssKb(family, async () => {
    const { error } = await work();
    expect(error).toMatch(words);
  }).finally(() => clearInterval(watching));
  expect(leastFree).toBeGreaterThan(0);
  expect((peakKb - idleKb) / 1024).toBeLessThan(memoryMib);
  expect(stored(daemon)).toEqual(kept);
  // What came into the container before the end of the budget is the container's, as with Docker.
  await daemon.must("rm", "target");
  await until("the disk to be as free as before", () => freeBlocks() > free - MiB / statfsSync(disk).bsize);
  await expectLedger(daemon, before, { fds: false });
}

describe.each(Object.keys(pack) as Format[])("hardening 13: ten gigabytes of zeros in %s", (format) => {
  const packed = bomb(format);
  test.each(Object.keys(ways))(
    "by %s stop at the budget of the disk",
    async (way) => await held(() => ways[way]!(daemon, packed), "larger than the space it may take"),
    60_000,
  );
  if (format === "gzip") test("are ten megabytes", () => expect(packed.length).toBeLessThan(11 * MiB));
});

test("hardening 13: what is packed twice is no archive, and stops as early", async () => {
  const twice = gzipSync(bomb("gzip"), { level: 1 });
  for (const way of Object.keys(ways))
    await held(() => ways[way]!(daemon, twice), /invalid tar header|larger than the space/);
}, 60_000);

/** Empty files with names of their own, ten thousand to a piece. */
function* entries(count: number): Generator<Buffer> {
  for (let i = 0; i < count; i += 10_000) {
    yield tarOf(...Array.from({ length: 10_000 }, (_, n) => ({ path: `f${i + n}`, type: "file" as const }))).subarray(
      0,
      10_000 * 512,
    );
  }
}

test("hardening 16: five million empty files stop at the disk's inodes, into a container and in a layer", async () => {
  const words = "archive holds more files than it may: no space left on device";
  let sent = 0;
  function* counted(): Generator<Buffer> {
    for (const piece of entries(5_000_000)) {
      sent += piece.length;
      yield piece;
    }
  }
  await held(() => putArchive(daemon, "target", "/tmp", counted()), words);
  expect(sent).toBeLessThan(5_000_000 * 512);
  await held(() => pull(daemon, gzipSync(Buffer.concat([...entries(50_000)]), { level: 1 })), words);
  const layer = gzipSync(Buffer.concat([...entries(50_000), tarEnd]), { level: 1 });
  await held(() => loadArchive(daemon, imageArchive({ name: "many:1", layers: [layer] })), words);
  const members = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`m${i}`, ""]));
  await held(() => loadArchive(daemon, archiveOf(members)), /no space left|too many members|holds no image/);
}, 120_000);

/** Builds an image of files by `POST /build`. */
async function build(d: TestDaemon, files: Readonly<Record<string, string | Buffer>>): Promise<Outcome> {
  const tar = tarOf(...Object.entries(files).map(([path, data]) => ({ path, type: "file" as const, data })));
  const answer = await fetch("http://d/build", { method: "POST", unix: d.socket, body: new Uint8Array(tar) });
  return { status: answer.status, error: /"error":"((?:[^"\\]|\\.)*)"/.exec(await answer.text())?.[1] ?? null };
}

describe("a build", () => {
  test("hardening 59: ADD of an address whose body has no end stops at the disk", async () => {
    const zeros = new Uint8Array(MiB);
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response(new ReadableStream({ pull: (stream) => stream.enqueue(zeros) })),
    });
    try {
      const dockerfile = `FROM small\nADD ${server.url.origin}/endless /y\n`;
      await held(() => build(daemon, { Dockerfile: dockerfile }), "no space left on device");
    } finally {
      await server.stop(true);
    }
  }, 60_000);

  test("hardening 13, 57: ADD of ten gigabytes of zeros in an archive of the context stops at the disk", async () => {
    const files = { Dockerfile: "FROM small\nADD bomb /y/\n", bomb: bomb("gzip") };
    await held(() => build(daemon, files), /larger than the space it may take|no space left/);
  }, 60_000);
});
