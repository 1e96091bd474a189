/**
 * `net.*` sysctls of the network namespace the thread is in, through an instance of procfs of our own (proc(5), fsopen(2)).
 *
 * In one instance the kernel keeps an entry `net` for each namespace that ever looked there, all under one name: among a thousand
 * containers every lookup, the host's too, walks a thousand of them. Ours is thrown away before it comes to that.
 */
import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { cstring, FFIType, openLibc, ptr } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

const { i64_fast: word } = FFIType;
const libc = openLibc({ syscall: { args: [word, word, word, word, word, word], returns: word } });

const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;

/** Lookups in one instance before the next is made. */
const usesOfOne = 256;

/** A detached mount of it; null where the kernel gives none, and the host's own serves. */
let instance: { readonly fd: number | null; uses: number } | undefined;

/** Reads a sysctl; undefined when the kernel has no such name. */
export function readNetSysctl(name: string): string | undefined {
  try {
    return readFileSync(pathOf(name), "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Writes a sysctl; false when the kernel has no such name. */
export function writeNetSysctl(name: string, value: string): boolean {
  try {
    writeFileSync(pathOf(name), value);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EROFS", "EACCES")) return false;
    throw error;
  }
}

function pathOf(name: string): string {
  if (!instance || instance.uses === 0) {
    if (instance?.fd != null) closeSync(instance.fd);
    instance = { fd: mountProc(), uses: usesOfOne };
  }
  instance.uses--;
  return instance.fd === null ? `/proc/sys/net/${name}` : `/proc/self/fd/${instance.fd}/sys/net/${name}`;
}

/** A new instance of procfs in no mount table; null without the new mount API (Linux 5.2) or the power to mount one. */
function mountProc(): number | null {
  const type = cstring("proc");
  const context = Number(libc.syscall(SYS_fsopen, ptr(type), CLOEXEC, 0, 0, 0));
  if (context < 0) return null;
  try {
    if (Number(libc.syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0)) < 0) return null;
    const fd = Number(libc.syscall(SYS_fsmount, context, CLOEXEC, 0, 0, 0));
    return fd < 0 ? null : fd;
  } finally {
    closeSync(context);
  }
}
