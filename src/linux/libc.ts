/**
 * The C library through `bun:ffi`. Each file of this folder opens only the symbols it calls; errno is read right after
 * the call, on the same thread.
 */
import { dlopen, type FFIFunction, FFIType, type Library, ptr, read } from "bun:ffi";
import { SyscallError } from "./syscall-error.ts";

const errnoLocation = dlopen("libc.so.6", { __errno_location: { args: [], returns: FFIType.ptr } }).symbols
  .__errno_location;

/** Opens libc with the given symbols. */
export function openLibc<Fns extends Record<string, FFIFunction>>(symbols: Fns): Library<Fns>["symbols"] {
  return dlopen("libc.so.6", symbols).symbols;
}

/** The calling thread's errno, to be read right after a call that failed. */
export function lastErrno(): number {
  const location = errnoLocation();
  return location === null ? 0 : read.i32(location, 0);
}

/** Returns `result`, or throws {@link SyscallError} when it is -1. */
export function check(result: number, syscall: string, path?: string): number {
  if (result === -1) throw new SyscallError(syscall, lastErrno(), path);
  return result;
}

/** A NUL-terminated copy of a string or of path bytes; throws TypeError when it holds a NUL. */
export function cstring(text: string | Uint8Array): Buffer {
  const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  if (bytes.indexOf(0) !== -1) throw new TypeError("string for a system call holds a NUL byte");
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}

/**
 * Memory whose address may be taken once and kept. A small typed array made in any other way keeps its bytes in the
 * collector's heap, and the optimising compiler moves them as soon as it treats the array as a constant: an address taken
 * before then points to memory that nobody reads (seen on Bun 1.4.5 after some hundred calls).
 */
export function fixedBuffer(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

export { FFIType, ptr };
