/**
 * Network namespaces (network_namespaces(7)). Entering one moves the calling thread only, so everything here is
 * synchronous: no other code of the thread can run inside by accident.
 */
import { closeSync, fstatSync, openSync, unlinkSync } from "node:fs";
import { check, FFIType, openLibc } from "./libc.ts";
import { MNT_DETACH, MS_BIND, mount, unmount } from "./mount.ts";
import { isErrno } from "./syscall-error.ts";

const libc = openLibc({
  unshare: { args: [FFIType.i32], returns: FFIType.i32 },
  setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
});

const CLONE_NEWNET = 0x40000000;
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

/** A namespace that is held by a descriptor; once it is let go that is -1, and nothing enters it any more. */
export interface HeldNamespace {
  readonly fd: number;
}

/**
 * Makes a network namespace, pins it by a bind mount on the new file `pin`, and runs `inside` in it. Returns a descriptor of it
 * and what `inside` returned; nothing is left when a step fails.
 */
export function createNamespace<T>(pin: string, inside: () => T): { fd: number; made: T } {
  closeSync(openSync(pin, "wx", 0o444));
  const home = openSync(own, "r");
  let fd: number | undefined;
  try {
    check(libc.unshare(CLONE_NEWNET), "unshare");
    mount(own, pin, null, MS_BIND, null);
    fd = openSync(own, "r");
    return { fd, made: inside() };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    unpinNamespace(pin);
    throw error;
  } finally {
    comeBack(home);
  }
}

/** Runs `inside` in that namespace. */
export function inNamespace<T>({ fd }: HeldNamespace, inside: () => T): T {
  const home = openSync(own, "r");
  try {
    check(libc.setns(fd, CLONE_NEWNET), "setns");
    return inside();
  } finally {
    comeBack(home);
  }
}

/** What tells a namespace from every other that lives: its number on nsfs. */
export const namespaceNumber = ({ fd }: HeldNamespace): number => fstatSync(fd).ino;

/** Takes a pin, or another name of a namespace, away; does nothing when it is gone. */
export function unpinNamespace(path: string): void {
  // Where it is a link, or a plain file that a crash left before its mount, there is nothing to unmount.
  unmount(path, MNT_DETACH);
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
