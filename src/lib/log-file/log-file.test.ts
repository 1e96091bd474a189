import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { type ReadLogOptions, readLog } from "./reader.ts";
import { formatNanoseconds, parseNanoseconds } from "./time.ts";
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
  new LogWriter({ path, maxSize: 0, maxFile: 1, now, ...options });
const never = new AbortController().signal;

async function read(options: ReadLogOptions = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const { records } of readLog(path, options, never)) texts.push(...records.map(({ log }) => log));
  return texts;
}

describe("LogWriter", () => {
  test("writes one object a line, in Docker's spelling", () => {
    using log = writer();
    log.write("stdout", Buffer.from('a "quoted" <b>\tc\n\u0001\n'));
    const [first, second] = readFileSync(path, "utf8").split("\n");
    expect(first).toStartWith(
      '{"log":"a \\"quoted\\" \\u003cb\\u003e\\u0009c\\n","stream":"stdout","time":"2023-11-14T',
    );
    expect(second).toStartWith('{"log":"\\u0001\\n","stream":"stdout"');
  });

  test("splits a line at 16 KiB, and only its last part ends with a newline", () => {
    using log = writer();
    for (const byte of Buffer.from(`${"x".repeat(40_000)}\n`)) log.write("stdout", Buffer.from([byte]));
    const parts = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).log as string);
    expect(parts.map((part) => part.length)).toEqual([16384, 16384, 40_000 - 32768 + 1]);
    expect(parts.map((part) => part.endsWith("\n"))).toEqual([false, false, true]);
  });

  test("keeps the streams' unended lines apart and logs them at the end", async () => {
    using log = writer();
    log.write("stdout", Buffer.from("ou"));
    log.write("stderr", Buffer.from("er"));
    log.write("stdout", Buffer.from("t\nrest"));
    log.end("stdout");
    log.end("stderr");
    expect(await read()).toEqual(["out\n", "rest", "er"]);
  });

  test("goes on in the present file while a rotation is refused, loses no file of the chain, and rotates when it may", async () => {
    using log = writer({ maxSize: 200, maxFile: 4 });
    const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`);
    const write = (from: number, to: number) => {
      for (const line of numbers(from, to)) log.write("stdout", Buffer.from(line));
    };
    write(0, 12);
    const files = readdirSync(directory).length;
    expect(files).toBe(4);
    // A directory with something in it: neither removed nor replaced by a rename.
    rmSync(`${path}.3`);
    mkdirSync(`${path}.3/x`, { recursive: true });
    write(12, 30);
    expect(statSync(path).size).toBeGreaterThan(1000);
    rmSync(`${path}.3`, { recursive: true });
    write(30, 31);
    expect(statSync(path).size).toBeLessThan(200);
    expect(log.dropped).toBe(0);
    expect(await read()).toEqual(numbers(3, 31));
  });

  test("fills a gap that a refused rotation left in the chain before it takes the oldest file away", async () => {
    using log = writer({ maxSize: 100, maxFile: 4 });
    for (let i = 0; i < 8; i++) log.write("stdout", Buffer.from(`line ${i}\n`));
    const before = await read();
    rmSync(`${path}.2`);
    const { length } = await read();
    expect(length).toBeLessThan(before.length);
    while (!existsSync(`${path}.2`)) log.write("stdout", Buffer.from("more\n"));
    expect((await read())[0]).toBe(before[0] ?? "");
  });

  test("tells once of the entries that a disk refuses, and how many there were", () => {
    const told: (number | boolean)[] = [];
    using log = writer({ maxSize: 100, maxFile: 2, onLoss: ({ lost, why }) => told.push(lost, why === null) });
    log.write("stdout", Buffer.from("kept\n"));
    log.write("stdout", Buffer.from("kept\n"));
    // The file's place is taken once it has been rotated away.
    rmSync(path);
    mkdirSync(path);
    mkdirSync(`${path}.1/x`, { recursive: true });
    for (let i = 0; i < 5; i++) log.write("stdout", Buffer.from("lost\n"));
    expect(told).toEqual([1, false]);
    rmSync(path, { recursive: true });
    log.write("stdout", Buffer.from("again\n"));
    expect(told).toEqual([1, false, 5, true]);
    expect(readFileSync(path, "utf8")).toContain("again");
    rmSync(`${path}.1`, { recursive: true });
  });

  test("rotates at maxSize and keeps maxFile files", () => {
    using log = writer({ maxSize: 1000, maxFile: 3 });
    for (let i = 0; i < 100; i++) log.write("stdout", Buffer.from(`line ${i}\n`));
    expect(readdirSync(directory).sort()).toEqual(["c.log", "c.log.1", "c.log.2"]);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).size).toBeLessThan(1100);
  });

  test("has a rotated file at each instant of a rotation", async () => {
    using log = writer({ maxSize: 100, maxFile: 2 });
    for (let i = 0; i < 4; i++) log.write("stdout", Buffer.from("0123456789\n"));
    // Another process, for this one's threads would wait for each other.
    const look = `const { existsSync } = require("node:fs"); const end = Date.now() + 500; let seen = 0; console.log("looks");
      while (Date.now() < end) if (!existsSync(${JSON.stringify(`${path}.1`)})) seen++; console.log("gaps: " + seen);`;
    const looker = Bun.spawn([process.execPath, "-e", look], { stdout: "pipe" });
    let ended = false;
    void looker.exited.then(() => {
      ended = true;
    });
    while (!ended) {
      for (let i = 0; i < 20; i++) log.write("stdout", Buffer.from("0123456789\n"));
      await Bun.sleep(0);
    }
    expect(await new Response(looker.stdout).text()).toBe("looks\ngaps: 0\n");
  });

  test("with maxFile 1 starts over", () => {
    using log = writer({ maxSize: 500, maxFile: 1 });
    for (let i = 0; i < 50; i++) log.write("stdout", Buffer.from(`line ${i}\n`));
    expect(existsSync(`${path}.1`)).toBe(false);
    expect(statSync(path).size).toBeLessThan(600);
  });

  test("hardening 172: closes a torn last line before it goes on", async () => {
    appendFileSync(path, '{"log":"half');
    using log = writer();
    log.write("stdout", Buffer.from("whole\n"));
    expect(await read()).toEqual(["whole\n"]);
  });
});

describe("readLog()", () => {
  const fill = (count: number, options = {}): void => {
    using log = writer(options);
    for (let i = 0; i < count; i++) log.write(i % 2 ? "stderr" : "stdout", Buffer.from(`${i}\n`));
  };

  test("reads rotated files oldest first", async () => {
    fill(50, { maxSize: 700, maxFile: 10 });
    expect(await read()).toEqual(Array.from({ length: 50 }, (_, i) => `${i}\n`));
  });

  test("tail counts entries across files", async () => {
    fill(50, { maxSize: 700, maxFile: 10 });
    for (const tail of [0, 1, 7, 8, 9, 30, 50, 99]) expect((await read({ tail })).length).toBe(Math.min(tail, 50));
    expect(await read({ tail: 2 })).toEqual(["48\n", "49\n"]);
  });

  test("selects by stream and by time", async () => {
    const from = clock;
    fill(10);
    expect(await read({ stderr: false })).toEqual(["0\n", "2\n", "4\n", "6\n", "8\n"]);
    expect(await read({ since: from + 3n, until: from + 5n })).toEqual(["3\n", "4\n", "5\n"]);
  });

  test("hardening 172: skips what does not parse", async () => {
    fill(1);
    appendFileSync(path, `not json\n${"\0".repeat(5000)}\n{"log":1}\n`);
    fill(1);
    expect(await read()).toEqual(["0\n", "0\n"]);
  });

  test("of an absent log is empty", async () => {
    expect(await read()).toEqual([]);
  });

  for (const maxFile of [1, 2, 5]) {
    test(`hardening 172: follows across 100 rotations of ${maxFile} files without loss or doubling`, async () => {
      using log = writer({ maxSize: 200, maxFile });
      const ended = new AbortController();
      const following = read({ follow: true, ended: ended.signal });
      for (let i = 0; i < 300; i++) {
        log.write("stdout", Buffer.from(`${i}\n`));
        if (i % 2 === 0) await Bun.sleep(1);
      }
      ended.abort();
      expect(await following).toEqual(Array.from({ length: 300 }, (_, i) => `${i}\n`));
    }, 20_000);
  }

  test("holds a bounded number of files for a follower that is slower than the writer, and gives it the latest entries", async () => {
    using log = writer({ maxSize: 200, maxFile: 2 });
    const ended = new AbortController();
    const descriptors = () => readdirSync("/proc/self/fd").length;
    log.write("stdout", Buffer.from("0\n"));
    const before = descriptors();
    const texts: string[] = [];
    let most = 0;
    let written = 1;
    for await (const { records } of readLog(path, { follow: true, ended: ended.signal }, never)) {
      texts.push(...records.map(({ log: text }) => text));
      for (let i = 0; i < 9 && written < 1000; i++) log.write("stdout", Buffer.from(`${written++}\n`));
      most = Math.max(most, descriptors() - before);
      if (written === 1000) ended.abort();
    }
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThan(25);
    const numbers = texts.map(Number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.slice(-3)).toEqual([997, 998, 999]);
  });

  test("follows a log that does not exist yet, from its first file on", async () => {
    const ended = new AbortController();
    const following = read({ follow: true, ended: ended.signal });
    await Bun.sleep(10);
    fill(40, { maxSize: 700, maxFile: 10 });
    await Bun.sleep(10);
    ended.abort();
    expect(await following).toEqual(Array.from({ length: 40 }, (_, i) => `${i}\n`));
  });

  test("stops a follower at until", async () => {
    const until = (BigInt(Date.now()) + 100n) * 1_000_000n;
    expect(await read({ follow: true, until })).toEqual([]);
  });
});

test("formatNanoseconds() and parseNanoseconds() are each other's inverse", () => {
  for (const text of ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.000000001Z"]) {
    expect(formatNanoseconds(parseNanoseconds(text) ?? 0n)).toBe(text);
  }
  expect(parseNanoseconds("2026-01-02T03:04:05.5+01:00")).toBe(parseNanoseconds("2026-01-02T02:04:05.5Z"));
  expect(parseNanoseconds("yesterday")).toBe(null);
});
