/**
 * Network namespaces (network_namespaces(7)). Entering one moves the calling thread only, so everything here is
 * synchronous: no other code of the thread can run inside by accident.
 */
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { check, cstring, FFIType, openLibc, ptr } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

const libc = openLibc({
  unshare: { args: [FFIType.i32], returns: FFIType.i32 },
  setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  mount: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  umount2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
});

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;
const own = "/proc/thread-self/ns/net";

/** Throws the process away rather than let it go on in the wrong namespace. */
function comeBack(home: number): void {
  try {
    check(libc.setns(home, CLONE_NEWNET), "setns");
  } catch (error) {
    process.stderr.write(`cannot return to the host's network namespace: ${error}\n`);
    process.abort();
  } finally {
    closeSync(home);
  }
}

/**
 * Makes a network namespace, keeps it alive by a bind mount on the new file `path`, and runs `inside` in it. Nothing
 * is left when a step fails.
 */
export function createNamespace<T>(path: string, inside: () => T): T {
  closeSync(openSync(path, "wx", 0o444));
  const home = openSync(own, "r");
  try {
    check(libc.unshare(CLONE_NEWNET), "unshare");
    check(libc.mount(ptr(cstring(own)), ptr(cstring(path)), null, MS_BIND, null), "mount", path);
    return inside();
  } catch (error) {
    dropNamespace(path);
    throw error;
  } finally {
    comeBack(home);
  }
}

/** Runs `inside` in the namespace that `path` names. */
export function inNamespace<T>(path: string, inside: () => T): T {
  const target = openSync(path, "r");
  const home = openSync(own, "r");
  try {
    check(libc.setns(target, CLONE_NEWNET), "setns", path);
    return inside();
  } finally {
    comeBack(home);
    closeSync(target);
  }
}

/** Lets go of the namespace kept at `path`; the kernel takes its links apart later. Does nothing when it is gone. */
export function dropNamespace(path: string): void {
  if (libc.umount2(ptr(cstring(path)), MNT_DETACH) === -1) {
    // EINVAL: a plain file, left by a crash between its creation and the mount.
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** Reads a `net.*` sysctl of the namespace the thread is in; undefined when the kernel has no such name. */
export function readNetSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Writes a `net.*` sysctl of the namespace the thread is in; false when the kernel has no such name. */
export function writeNetSysctl(name: string, value: string): boolean {
  try {
    writeFileSync(`/proc/sys/net/${name}`, value);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EROFS", "EACCES")) return false;
    throw error;
  }
}
