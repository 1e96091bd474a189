import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MNT_DETACH, unmount } from "../linux/mount.ts";
import { isMountPoint } from "../snapshots/mount-point.ts";
import { mountLocal, parseMountOptions } from "./local-mount.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-local-mount-"));
const target = join(base, "target");
mkdirSync(target);
afterAll(() => rmSync(base, { recursive: true, force: true }));

test("parseMountOptions() tells flags from the file system's own words; the later of two opposites counts", () => {
  expect(parseMountOptions("ro,nosuid,size=1m,rw,rprivate,uid=7")).toEqual({
    flags: 2,
    propagation: (1 << 18) | 16384,
    data: ["size=1m", "uid=7"],
  });
});

// As dockerd 28.5 words them, measured with the same options.
test.each([
  [{ type: "nosuchfs", device: ":/x", o: "addr=127.0.0.1" }, "mount :/x:TARGET, data: addr=127.0.0.1: no such device"],
  [
    { type: "cifs", device: "//127.0.0.1/x", o: "username=a,password=b" },
    "mount //127.0.0.1/x:TARGET, data: username=a,password=********: ",
  ],
  [
    { type: "none", device: "/does/not/exist", o: "bind" },
    "mount /does/not/exist:TARGET, flags: 0x1000: no such file or directory",
  ],
  [
    { type: "tmpfs", device: "tmpfs", o: "size=1m,bogus=1" },
    "mount tmpfs:TARGET, data: size=1m,bogus=1: invalid argument",
  ],
  [{ type: "ext4", device: "/dev/null" }, "mount /dev/null:TARGET: block device required"],
])("mountLocal(%p) fails in dockerd's words", async (options, words) => {
  await expect(mountLocal(target, options)).rejects.toThrow(
    `error while mounting volume '${target}': failed to mount local volume: ${words.replace("TARGET", target)}`,
  );
  expect(isMountPoint(target)).toBe(false);
});

test("mountLocal() looks a server's name up, and says which it did not find", async () => {
  const words = "error resolving passed in network volume address: lookup no.such.host.invalid: no such host";
  await expect(mountLocal(target, { type: "nfs", device: ":/x", o: "addr=no.such.host.invalid" })).rejects.toThrow(
    words,
  );
  await expect(mountLocal(target, { type: "cifs", device: "//no.such.host.invalid/x" })).rejects.toThrow(words);
});

test("mountLocal() binds read-only when told so, and tells the kernel of propagation", async () => {
  const source = join(base, "source");
  mkdirSync(source);
  writeFileSync(join(source, "f"), "");
  await mountLocal(target, { type: "none", device: source, o: "bind,ro,shared" });
  try {
    expect(existsSync(join(target, "f"))).toBe(true);
    expect(() => writeFileSync(join(target, "g"), "")).toThrow("EROFS");
    const line = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .find((text) => text.includes(` ${target} `));
    expect(line).toContain(" shared:");
  } finally {
    unmount(target, MNT_DETACH);
  }
});
