/** Names on their way into a system call: text, or the bytes themselves where they may not be UTF-8. */
import { lastErrno, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

/** A name or path for a call: text, or the bytes themselves where they may not be UTF-8. */
export type Name = string | Uint8Array;

/** PATH_MAX, the NUL included. */
export const pathMax = 4096;

/** Two staging buffers whose addresses never change: cheaper than a buffer and an address lookup for each call. */
const stages = [Buffer.alloc(pathMax + 8), Buffer.alloc(pathMax + 8)] as const;
const stagePointers = [ptr(stages[0]), ptr(stages[1])] as const;

/** Puts `name`, NUL-terminated, where the next call can read it; throws TypeError on a NUL and ENAMETOOLONG as the kernel would. */
export function stage(name: Name, slot: 0 | 1 = 0): (typeof stagePointers)[0] {
  const buffer = stages[slot];
  let length: number;
  if (typeof name === "string") {
    length = buffer.write(name, 0, pathMax, "utf8");
    if (length >= pathMax - 4) throw new SyscallError("path", 36, `${name.slice(0, 64)}...`);
  } else {
    length = name.length;
    if (length >= pathMax) throw new SyscallError("path", 36, `${show(name.subarray(0, 64))}...`);
    buffer.set(name);
  }
  buffer[length] = 0;
  if (buffer.indexOf(0) !== length) throw new TypeError("file name holds a NUL byte");
  return stagePointers[slot];
}

/** A name for an error message. */
export function show(name: Name): string {
  return typeof name === "string" ? name : Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString("utf8");
}

/** What a call answered; throws its error with the name it was about. */
export function checkAt(result: number, syscall: string, name: Name): number {
  if (result === -1) throw new SyscallError(syscall, lastErrno(), show(name));
  return result;
}
