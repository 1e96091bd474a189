import { closeSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { sealedExecutable } from "../linux/memfd.ts";
import type { RuntimeBinary } from "./protocol.ts";

interface Sealed {
  /** Changes when the file at the path is another one. */
  readonly identity: string;
  readonly fd: number;
}

const copies = new Map<string, Sealed>();

/**
 * Where to execute a runtime from. crun copies itself into a sealed memfd at each start and executes itself again, so that
 * no container can overwrite the program through /proc/PID/exe (CVE-2019-5736); called out of such a copy it sees that this
 * is done. One copy for all starts saves 1.2 of 5.7 ms. A runtime that is not crun, or that cannot be copied, is executed
 * where it is.
 */
export function executableOf({ path, kind }: RuntimeBinary): string {
  if (kind !== "crun") return path;
  try {
    return `/proc/${process.pid}/fd/${copyOf(path).fd}`;
  } catch {
    return path;
  }
}

function copyOf(path: string): Sealed {
  const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
  const identity = [dev, ino, size, mtimeMs, ctimeMs].join(" ");
  const known = copies.get(path);
  if (known?.identity === identity) return known;
  const content = readFileSync(path);
  // A wrapper script would lose its own path.
  if (content.readUInt32BE(0) !== 0x7f454c46) throw new Error(`${path} is no ELF program`);
  const copy = { identity, fd: sealedExecutable(basename(path), content) };
  copies.set(path, copy);
  if (known) closeSync(known.fd);
  return copy;
}
