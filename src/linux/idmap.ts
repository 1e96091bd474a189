/** Idmapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP; Linux 5.12): owners of files shown as others, on one mount only. */
import type { Pointer } from "bun:ffi";
import { writeFileSync } from "node:fs";
import { AT_FDCWD, close, openAt } from "./file.ts";
import { check, cstring, FFIType, fixedBuffer, openLibc, ptr } from "./libc.ts";

const { i32, u32, u64, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  clone: { args: [pointer, pointer, i32, i64_fast], returns: i32 },
  dlsym: { args: [i64_fast, pointer], returns: pointer },
  kill: { args: [i32, i32], returns: i32 },
  waitpid: { args: [i32, pointer, i32], returns: i32 },
});
const { syscall: openTree } = openLibc({
  syscall: { args: [i64_fast, i32, pointer, u32], returns: i64_fast },
});
const { syscall: setAttributes } = openLibc({
  syscall: { args: [i64_fast, i32, pointer, u32, pointer, u64], returns: i64_fast },
});
const { syscall: moveMount } = openLibc({
  syscall: { args: [i64_fast, i32, pointer, i32, pointer, u32], returns: i64_fast },
});

const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP = 0x00100000n;
const mountAttrBytes = 32;
const CLONE_NEWUSER = 0x10000000;
const SIGKILL = 9;
const __WALL = 0x40000000;
const stackBytes = 64 * 1024;
/** How long the holder of a namespace lives when nobody ends it, since its maker died. */
const holderSeconds = 5;

/** `count` ids from `source` on, as the file system keeps them, shown as those from `shown` on. */
export interface IdRange {
  readonly source: number;
  readonly shown: number;
  readonly count: number;
}

export interface IdMapping {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/**
 * Mounts at `target` what the descriptor `fd` names, `recursive` with all that is mounted in it, its owners shown as `mapping`
 * says; an id without a range is shown as nobody's and cannot own anything new. Throws ENOSYS where the kernel has no such mounts,
 * EINVAL for a file system that cannot, EPERM for one that is idmapped already.
 */
export function mountMapped(fd: number, target: string, recursive: boolean, mapping: IdMapping): void {
  const namespace = userNamespace(mapping);
  try {
    const depth = recursive ? AT_RECURSIVE : 0;
    const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | depth;
    const tree = check(Number(openTree(SYS_open_tree, fd, cstring(""), flags)), "open_tree");
    try {
      const attributes = mountAttributes(namespace);
      const result = setAttributes(
        SYS_mount_setattr,
        tree,
        cstring(""),
        AT_EMPTY_PATH | depth,
        ptr(attributes),
        mountAttrBytes,
      );
      check(Number(result), "mount_setattr", target);
      const moved = moveMount(SYS_move_mount, tree, cstring(""), AT_FDCWD, cstring(target), MOVE_MOUNT_F_EMPTY_PATH);
      check(Number(moved), "move_mount", target);
    } finally {
      close(tree);
    }
  } finally {
    close(namespace);
  }
}

/** `struct mount_attr`: attr_set, attr_clr, propagation, userns_fd. */
function mountAttributes(namespace: number): Buffer {
  const bytes = fixedBuffer(mountAttrBytes);
  bytes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
  bytes.writeBigUInt64LE(BigInt(namespace), 24);
  return bytes;
}

/** What /proc/PID/uid_map takes (user_namespaces(7)). */
export const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ source, shown, count }) => `${source} ${shown} ${count}\n`).join("");

/**
 * A descriptor of a user namespace with those ranges. A process of several threads cannot enter a new one, so a child is made in it
 * that runs nothing but the C library's sleep(3), on a stack of its own, until its namespace is open.
 */
function userNamespace({ uids, gids }: IdMapping): number {
  const stack = fixedBuffer(stackBytes);
  const sleep = libc.dlsym(0, cstring("sleep"));
  // The stack grows down from an address that the ABI wants aligned to 16 bytes.
  const end = Number(ptr(stack)) + stackBytes;
  const top = (end - (end % 16)) as Pointer;
  const pid = check(libc.clone(sleep, top, CLONE_NEWUSER, holderSeconds), "clone");
  try {
    // One write(2) each, by the kernel's rule.
    writeFileSync(`/proc/${pid}/uid_map`, mapText(uids));
    writeFileSync(`/proc/${pid}/gid_map`, mapText(gids));
    return openAt(AT_FDCWD, `/proc/${pid}/ns/user`, 0);
  } finally {
    libc.kill(pid, SIGKILL);
    libc.waitpid(pid, null, __WALL);
  }
}
