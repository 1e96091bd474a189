import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostConfig } from "../api/host-config.ts";
import { parseWire } from "../api/wire.ts";
import { updateV1, updateV2 } from "./cgroup-update.ts";

let directory = "";
const files = { v1: ["cpu.shares", "pids.max"], v2: ["cpu.weight", "cpu.max", "pids.max"] };
const read = (file: string) => readFileSync(join(directory, file), "utf8");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dhow-cgroup-"));
  for (const file of [...files.v1, ...files.v2]) writeFileSync(join(directory, file), "7\n");
});
afterEach(() => rmSync(directory, { recursive: true }));

test.each([
  ["v1", (host: HostConfig) => updateV1(() => directory, host), "memory.limit_in_bytes"],
  ["v2", (host: HostConfig) => updateV2(directory, host), "memory.max"],
] as const)("a limit that the kernel refuses takes the others back (%s)", (version, update, refused) => {
  // What cannot be written, as a kernel with more memory in use than the limit says.
  mkdirSync(join(directory, refused));
  const host = parseWire(HostConfig, { CpuShares: 1024, Memory: 1e8, PidsLimit: 5 });
  expect(() => update(host)).toThrow(`failed to write 100000000 to ${refused}`);
  for (const file of files[version]) expect(read(file).trim()).toBe("7");
});

test("what was changed can be taken back", () => {
  const undo = updateV2(directory, parseWire(HostConfig, { CpuShares: 2, NanoCpus: 5e8, PidsLimit: -1 }));
  expect(files.v2.map(read)).toEqual(["1", "50000 100000", "max"]);
  undo();
  expect(files.v2.map(read)).toEqual(["7", "7", "7"]);
});

test.each([
  ["blkio.weight", "300"],
  ["blkio.bfq.weight", "300"],
  ["io.bfq.weight", "300"],
  ["io.weight", "2930"],
])("the weight of block devices goes into %s, where the kernel has that", (file, content) => {
  writeFileSync(join(directory, file), "default 100\n");
  const host = parseWire(HostConfig, { BlkioWeight: 300 });
  if (file.startsWith("io")) updateV2(directory, host);
  else updateV1(() => directory, host);
  expect(read(file)).toBe(content);
});
