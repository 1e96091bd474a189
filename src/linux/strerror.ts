/** An errno's words, as Go's programs print them: the C library's, in lower case. */
import { CString } from "bun:ffi";
import { messageOf } from "../lib/errors.ts";
import { FFIType, openLibc } from "./libc.ts";

const libc = openLibc({ strerror: { args: [FFIType.i32], returns: FFIType.ptr } });

/** `no such device` for ENODEV. */
export function strerror(errno: number): string {
  const words = libc.strerror(errno);
  if (words === null) return `errno ${errno}`;
  const text = new CString(words).toString();
  // "RPC struct is bad" and the like keep their capitals.
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** An error of the kernel's in the words of {@link strerror}, without the call and the path that Node's message holds; any other's message. */
export function systemWords(error: unknown): string {
  if (error instanceof Error && "errno" in error && typeof error.errno === "number") {
    return strerror(Math.abs(error.errno));
  }
  return messageOf(error);
}
