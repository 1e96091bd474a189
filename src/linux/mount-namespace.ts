/** Mount namespaces (mount_namespaces(7)) of other processes. Entering one moves the calling thread only: all here is synchronous. */
import { readFileSync } from "node:fs";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "./file.ts";
import { check, cstring, FFIType, lastErrno, openLibc } from "./libc.ts";
import { type MountLine, parseMountinfo } from "./mountinfo.ts";
import { startTimeOf } from "./process.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, u32, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  unshare: { args: [i32], returns: i32 },
  setns: { args: [i32, i32], returns: i32 },
  fchdir: { args: [i32], returns: i32 },
  chroot: { args: [pointer], returns: i32 },
  syscall: { args: [i64_fast, i32, pointer, u32], returns: i64_fast },
});

const ESRCH = 3;
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const SYS_open_tree = 428;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;

/**
 * A descriptor (close-on-exec) of a file system in the mount namespace of the process of that start time, without what is mounted in
 * it (open_tree(2)); it is in no mount table and lasts as long as the descriptor. `choose` says where it is there; `null` when it
 * finds none. Throws ENOENT or ESRCH when the process is gone, EINVAL for a mount that is unbindable.
 */
export function cloneMount(
  pid: number,
  startTime: string,
  choose: (mounts: readonly MountLine[]) => string | null,
): number | null {
  const opened: number[] = [];
  const open = (path: string, flags: number, dir = AT_FDCWD): number => {
    const fd = openAt(dir, path, flags);
    opened.push(fd);
    return fd;
  };
  try {
    const namespace = open(`/proc/${pid}/ns/mnt`, 0);
    if (startTimeOf(pid) !== startTime) throw new SyscallError("open", ESRCH, `/proc/${pid}/ns/mnt`);
    const home = open("/proc/thread-self/ns/mnt", 0);
    const [root, cwd] = [open("/", O_PATH | O_DIRECTORY), open(".", O_PATH | O_DIRECTORY)];
    // The namespace's own /proc is its owner's to fake.
    const self = open("/proc/thread-self", O_PATH | O_DIRECTORY);
    const inside = <T>(call: () => T): T => {
      // A thread that shares its root and working directory with others may not change its mount namespace.
      check(libc.unshare(CLONE_FS), "unshare");
      check(libc.setns(namespace, CLONE_NEWNS), "setns", `mount namespace of ${pid}`);
      try {
        return call();
      } finally {
        comeBack(home, root, cwd);
      }
    };
    // Opened there, read here: whatever runs inside should be over at once, for threads that begin meanwhile stay there.
    const table = inside(() => open("mountinfo", 0, self));
    const path = choose(parseMountinfo(readFileSync(table, "utf8")));
    if (path === null) return null;
    const name = cstring(path);
    return inside(() => {
      const fd = Number(libc.syscall(SYS_open_tree, AT_FDCWD, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
      if (fd < 0) throw new SyscallError("open_tree", lastErrno());
      return fd;
    });
  } finally {
    for (const fd of opened) close(fd);
  }
}

/** Throws the process away rather than let it go on among another's files. */
function comeBack(home: number, root: number, cwd: number): void {
  try {
    // The JavaScript engine begins threads when it likes; one that began from here shares our root again.
    check(libc.unshare(CLONE_FS), "unshare");
    check(libc.setns(home, CLONE_NEWNS), "setns");
    check(libc.fchdir(root), "fchdir");
    check(libc.chroot(cstring(".")), "chroot");
    check(libc.fchdir(cwd), "fchdir");
  } catch (error) {
    process.stderr.write(`cannot return to the engine's mount namespace: ${error}\n`);
    process.abort();
  }
}
