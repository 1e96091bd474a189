/** Needs root. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaceNumber } from "../../linux/netns.ts";
import { Pins } from "./pins.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-pins-"));
const pins = new Pins(join(root, "netns"));
const mounts = (): number => readFileSync("/proc/self/mounts", "utf8").split(root).length - 1;
const files = (): string[] => [...readdirSync(join(root, "netns")), ...readdirSync(join(root, "netns-pins"))];

afterEach(() => {
  pins.sweep(new Set());
  expect([mounts(), files()]).toEqual([0, []]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A process in the namespace at `path`, or in ours. */
async function inside(path?: string): Promise<{ pid: number } & AsyncDisposable> {
  const child = spawn("nsenter", [...(path ? [`--net=${path}`] : []), "sh", "-c", "echo; exec cat"]);
  await new Promise((ready) => child.stdout.once("data", ready));
  const ended = new Promise((done) => child.once("close", done));
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

test("a namespace is left to its process: no mount, the same path, and gone with it", async () => {
  const { path, fd } = pins.create("one", () => undefined);
  const number = namespaceNumber({ fd });
  expect(mounts()).toBe(1);
  {
    await using child = await inside(path);
    pins.leaveTo(child.pid, path, { fd });
    closeSync(fd);
    expect([mounts(), readlinkSync(path)]).toEqual([0, `/proc/${child.pid}/ns/net`]);
    const again = pins.open(path, number);
    expect(namespaceNumber({ fd: again })).toBe(number);
    closeSync(again);
  }
  expect(() => openSync(path, "r")).toThrow("ENOENT");
  expect(pins.sweep(new Set([path]))).toBe(0);
  pins.drop(path);
});

test("a namespace is not left to a process that is elsewhere, nor found at one", async () => {
  const { path, fd } = pins.create("two", () => undefined);
  await using stranger = await inside();
  expect(() => pins.leaveTo(stranger.pid, path, { fd })).toThrow("is gone");
  expect([mounts(), readlinkSync(path)]).toEqual([1, join(root, "netns-pins", "two")]);
  expect(() => pins.open(`/proc/${stranger.pid}/ns/net`, namespaceNumber({ fd }))).toThrow("is gone");
  closeSync(fd);
});

test("sweep() keeps what is claimed, and drops a pin whose namespace was left to its process", async () => {
  const { path, fd } = pins.create("three", () => undefined);
  const other = pins.create("four", () => undefined);
  closeSync(other.fd);
  await using child = await inside(path);
  pins.leaveTo(child.pid, path, { fd });
  closeSync(fd);
  // As a netd leaves it that dies between the two.
  closeSync(openSync(join(root, "netns-pins", "three"), "w"));
  expect(pins.sweep(new Set([path, other.path]))).toBe(1);
  expect(files()).toEqual(["four", "three", "four"]);
});
