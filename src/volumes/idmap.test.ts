import { afterAll, expect, test } from "bun:test";
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, close, O_PATH, openAt } from "../linux/file.ts";
import { mapText, mountMapped } from "../linux/idmap.ts";
import { MNT_DETACH, unmount } from "../linux/mount.ts";
import { SyscallError } from "../linux/syscall-error.ts";
import { checkIdmap, idmapFailure, idmapOption, mappingOf } from "./idmap.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-idmap-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const nobody = { uid: 0, gid: 0 };

test("the words of an idmap", () => {
  expect(idmapOption("ro")).toBeNull();
  expect(idmapOption("idmap")).toBe("owner");
  expect(idmapOption("idmap=uids=0-1000-1")).toBe("uids=0-1000-1");
  const bad: [string, string][] = [
    ["", "neither uids="],
    ["uids=", "neither uids="],
    ["uids=1-2", "not SOURCE-SHOWN-COUNT"],
    ["uids=1-2-0", "has no ids"],
    ["uids=0-1-4294967295", "out of range"],
    ["uids=0-0-4294967296", "out of range"],
    ["uids=0-1-1;uids=1-2-1", "uids is there twice"],
    ["gids=0-10-5#4-20-1", "ranges overlap"],
    ["gids=0-10-5#9-14-1", "ranges overlap"],
    [`uids=${Array.from({ length: 341 }, (_, i) => `${i}-${i}-1`).join("#")}`, "more than 340 ranges"],
  ];
  for (const [value, reason] of bad) expect(() => checkIdmap(value), value).toThrow(reason);
});

test("ranges are the kernel's, and a kind that is not named stays as it is", () => {
  const mapping = mappingOf("uids=0-1000-1#@1-2000-10", nobody, nobody);
  expect(mapText(mapping?.uids ?? [])).toBe("0 1000 1\n1 2000 10\n");
  expect(mapText(mapping?.gids ?? [])).toBe("0 0 4294967295\n");
});

test("the owner and the user change places, every other id stays", () => {
  expect(mappingOf("owner", { uid: 5, gid: 6 }, { uid: 5, gid: 6 })).toBeNull();
  const mapping = mappingOf("owner", { uid: 1000, gid: 7 }, { uid: 0, gid: 7 });
  expect(mapText(mapping?.uids ?? [])).toBe("0 1000 1\n1 1 999\n1000 0 1\n1001 1001 4294966294\n");
  expect(mapText(mapping?.gids ?? [])).toBe("0 0 4294967295\n");
});

test("a mount shows other owners and writes as them, and leaves no process behind", () => {
  const source = mkdtempSync(join(dir, "s"));
  const target = mkdtempSync(join(dir, "t"));
  writeFileSync(join(source, "f"), "x");
  chownSync(source, 1234, 4321);
  chownSync(join(source, "f"), 1234, 4321);
  const mapping = mappingOf("owner", { uid: 1234, gid: 4321 }, { uid: 0, gid: 0 });
  if (!mapping) throw new Error("no mapping");
  const children = readFileSync("/proc/thread-self/children", "utf8");
  const fd = openAt(AT_FDCWD, source, O_PATH);
  mountMapped(fd, target, true, mapping);
  close(fd);
  try {
    expect(statSync(join(target, "f"))).toMatchObject({ uid: 0, gid: 0 });
    writeFileSync(join(target, "g"), "made by root");
    expect(statSync(join(source, "g"))).toMatchObject({ uid: 1234, gid: 4321 });
    expect(readFileSync("/proc/thread-self/children", "utf8")).toBe(children);
  } finally {
    unmount(target, MNT_DETACH);
  }
});

test("what the kernel will not idmap is named with the reason, and nothing is mounted", () => {
  const target = mkdtempSync(join(dir, "t"));
  const fd = openAt(AT_FDCWD, "/proc/sys", O_PATH);
  try {
    const mapping = mappingOf("uids=0-1-1", nobody, nobody);
    if (!mapping) throw new Error("no mapping");
    expect(() => mountMapped(fd, target, false, mapping)).toThrow(SyscallError);
  } finally {
    close(fd);
  }
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(target);
  const failure = (errno: number) => idmapFailure(new SyscallError("mount_setattr", errno), "/s");
  expect(failure(22)).toMatchObject({ message: expect.stringContaining('cannot idmap "/s": its file system') });
  expect(failure(38)).toMatchObject({ message: expect.stringContaining("the kernel has no idmapped mounts") });
  expect(idmapFailure(new SyscallError("clone", 28), "/s")).toMatchObject({
    message: 'cannot idmap "/s": no user namespace can be made: no space left on device',
  });
  const other = new SyscallError("open_tree", 12);
  expect(idmapFailure(other, "/s")).toBe(other);
});
