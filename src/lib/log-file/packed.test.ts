import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { packRotated } from "./packed.ts";
import { DeliveredFile, readDelivered } from "./position.ts";
import { type ReadLogOptions, readLog } from "./reader.ts";
import type { LogBatch } from "./record.ts";
import { LogWriter, type LogWriterOptions } from "./writer.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync("/tmp/dhow-log-");
  path = join(directory, "c.log");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

let clock = 1_700_000_000_000_000_000n;
const now = (): bigint => clock++;
const writer = (options: Partial<LogWriterOptions> = {}): LogWriter =>
  new LogWriter({ path, maxSize: 700, maxFile: 5, now, ...options });
const never = new AbortController().signal;
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}\n`);

async function read(options: ReadLogOptions = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const { records } of readLog(path, options, never)) texts.push(...records.map(({ log }) => log));
  return texts;
}

async function fill(from: number, to: number, options: Partial<LogWriterOptions>): Promise<void> {
  using log = writer(options);
  for (let i = from; i < to; i++) log.write("stdout", Buffer.from(`${i}\n`));
  // A turn of the queue behind those that the writer asked for.
  if (options.compress) await packRotated(path, options.maxFile ?? 5);
}

describe("packRotated()", () => {
  test("packs every rotated file so that any gzip reads it, and gives it the old one's time", async () => {
    await fill(0, 40, { compress: true, maxFile: 10 });
    const names = readdirSync(directory).sort();
    expect(names[0]).toBe("c.log");
    expect(names.slice(1).every((name) => /^c\.log\.\d+\.gz$/.test(name))).toBe(true);
    const text = gunzipSync(readFileSync(`${path}.1.gz`)).toString();
    expect(text.trimEnd().split("\n").length).toBe(10);
    expect(Bun.spawnSync(["gzip", "-t", `${path}.1.gz`]).exitCode).toBe(0);
    expect(statSync(`${path}.1.gz`).mtimeMs).toBeLessThanOrEqual(statSync(path).mtimeMs);
  });

  test("gives back what a crash left of an earlier attempt", async () => {
    writeFileSync(`${path}.gz.new`, "half");
    await fill(0, 20, { compress: true });
    expect(existsSync(`${path}.gz.new`)).toBe(false);
    expect(await read()).toEqual(numbers(0, 20));
  });
});

describe("readLog() of packed files", () => {
  test("reads all, and leaves no unpacked file behind", async () => {
    await fill(0, 50, { compress: true, maxFile: 10 });
    const before = readdirSync(directory).sort();
    expect(await read()).toEqual(numbers(0, 50));
    expect(readdirSync(directory).sort()).toEqual(before);
  });

  test("tail counts entries into packed files", async () => {
    await fill(0, 50, { compress: true, maxFile: 10 });
    for (const tail of [0, 1, 9, 25, 50, 99]) expect((await read({ tail })).length).toBe(Math.min(tail, 50));
    expect(await read({ tail: 12 })).toEqual(numbers(38, 50));
  });

  test("reads what a damaged file has before its damage, and everything else", async () => {
    await fill(0, 50, { compress: true, maxFile: 10 });
    const bytes = readFileSync(`${path}.2.gz`);
    writeFileSync(`${path}.2.gz`, bytes.subarray(0, bytes.length - 20));
    writeFileSync(`${path}.3.gz`, "no gzip at all");
    const left = await read();
    expect([left[0], left.at(-1), left.length < 50 && left.length > 25]).toEqual(["0\n", "49\n", true]);
  });

  test("leaves a packed file that is older than since alone, even a damaged one", async () => {
    await fill(0, 20, { compress: true });
    const old = new Date(Date.now() - 60_000);
    writeFileSync(`${path}.1.gz`, "damaged");
    utimesSync(`${path}.1.gz`, old, old);
    clock = BigInt(Date.now()) * 1_000_000n;
    const since = clock;
    using log = writer({ maxSize: 0 });
    log.write("stdout", Buffer.from("new\n"));
    expect(await read({ since })).toEqual(["new\n"]);
  });

  for (const maxFile of [2, 5]) {
    test(`follows across 100 rotations of ${maxFile} packed files without loss or doubling`, async () => {
      using log = writer({ maxSize: 200, maxFile, compress: true });
      const ended = new AbortController();
      const following = read({ follow: true, ended: ended.signal });
      for (let i = 0; i < 300; i++) {
        log.write("stdout", Buffer.from(`${i}\n`));
        if (i % 2 === 0) await Bun.sleep(1);
      }
      ended.abort();
      expect(await following).toEqual(numbers(0, 300));
    }, 20_000);
  }
});

describe("a log that is delivered elsewhere", () => {
  const position = (): string => join(directory, "c.log.position");

  test("numbers its files upwards, and readers skip the numbers", async () => {
    await fill(0, 30, { position: position() });
    const firsts = readdirSync(directory)
      .sort()
      .reverse()
      .map((name) => JSON.parse(readFileSync(join(directory, name), "utf8").split("\n")[0] ?? "").file as number);
    expect(firsts.length).toBeGreaterThan(2);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
    expect(await read()).toEqual(numbers(0, 30));
    for (const tail of [1, 9, 29, 30, 40]) expect((await read({ tail })).length).toBe(Math.min(tail, 30));
  });

  test("is read on from any position that was told, packed or not", async () => {
    await fill(0, 40, { position: position(), maxFile: 10 });
    const batches: LogBatch[] = [];
    for await (const batch of readLog(path, {}, never)) batches.push(batch);
    await fill(40, 41, { position: position(), maxFile: 10, compress: true });
    let seen = 0;
    for (const { records, first, file, offset, entry } of batches) {
      expect(first).toBe(seen);
      seen += records.length;
      expect(entry).toBe(seen);
      expect(await read({ from: { file, offset, entry } })).toEqual(numbers(seen, 41));
    }
    expect(seen).toBe(40);
  });

  test("tells after a gap how many entries it is wide, also over the writer's restarts", async () => {
    for (let i = 0; i < 10; i++) await fill(i * 10, i * 10 + 10, { position: position(), maxFile: 2 });
    const batches: LogBatch[] = [];
    for await (const batch of readLog(path, { from: { file: 1, offset: 0, entry: 0 } }, never)) batches.push(batch);
    const left = batches.flatMap(({ records }) => records);
    expect(left.length).toBeLessThan(30);
    expect([batches[0]?.first, batches.at(-1)?.entry]).toEqual([100 - left.length, 100]);
  });

  test("is read over the gap that a crash leaves in a rotation", async () => {
    await fill(0, 40, { maxFile: 10 });
    rmSync(`${path}.2`);
    const left = await read();
    expect([left[0], left.at(-1), left.length < 40]).toEqual(["0\n", "39\n", true]);
  });

  test("has no room while its oldest file is not delivered, and keeps all of it", async () => {
    using delivered = new DeliveredFile(position());
    delivered.save({ file: 0, offset: 0, entry: 0, hold: true, partial: {} });
    using log = writer({ position: position(), maxFile: 2 });
    let written = 0;
    for (; written < 1000 && log.room() === null; written++) log.write("stdout", Buffer.from(`${written}\n`));
    expect(written).toBeLessThan(40);
    expect(await read()).toEqual(numbers(0, written));
    const room = log.room();
    expect(room).not.toBeNull();
    delivered.save({ file: Number.MAX_SAFE_INTEGER, offset: 0, entry: 0, hold: true, partial: {} });
    await room;
    expect(log.room()).toBeNull();
  });

  test("always has room where nothing is held, or nobody delivers", () => {
    using delivered = new DeliveredFile(position());
    delivered.save({
      file: 0,
      offset: 0,
      entry: 0,
      hold: false,
      partial: { stdout: { id: "a".repeat(64), ordinal: 3 } },
    });
    expect(readDelivered(position())?.partial).toEqual({ stdout: { id: "a".repeat(64), ordinal: 3 } });
    using log = writer({ position: position(), maxFile: 1 });
    for (let i = 0; i < 100; i++) {
      expect(log.room()).toBeNull();
      log.write("stdout", Buffer.from(`${i}\n`));
    }
    rmSync(position());
    expect(log.room()).toBeNull();
  });
});

test("LogWriter says attributes with each entry, sorted, in Docker's place", async () => {
  using log = writer({ attrs: { tag: "t", "a<b": 'q"' } });
  log.write("stdout", Buffer.from("x\n"));
  expect(readFileSync(path, "utf8")).toStartWith(
    '{"log":"x\\n","stream":"stdout","attrs":{"a\\u003cb":"q\\"","tag":"t"},"time":"',
  );
});
