/** Names inside archives and roots, as bytes. */
import { invalidArgument } from "../../lib/errors.ts";

const slash = 0x2f;
const dot = 0x2e;

/** True for the bytes of `text`, which is ASCII. */
export function bytesEqual(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/** True when `bytes` begin with the ASCII `text`. */
export function startsWith(bytes: Uint8Array, text: string): boolean {
  return bytes.length >= text.length && bytesEqual(bytes.subarray(0, text.length), text);
}

/**
 * The components of an archive's path, cleaned as text: `.` and empty ones go, `..` takes one back. A relative path
 * that climbs above its start is refused; an absolute one is taken from the root, where `..` leads nowhere.
 */
export function cleanPath(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const absolute = path[0] === slash;
  for (let at = 0; at <= path.length; ) {
    let end = path.indexOf(slash, at);
    if (end === -1) end = path.length;
    const part = path.subarray(at, end);
    at = end + 1;
    if (part.length === 0 || (part.length === 1 && part[0] === dot)) continue;
    if (part.length !== 2 || part[0] !== dot || part[1] !== dot) parts.push(part);
    else if (parts.length > 0) parts.pop();
    else if (!absolute) throw invalidArgument(`invalid path in archive: "${shown(path)}" is outside of the root`);
  }
  return parts;
}

const separator = Buffer.from("/");

/** Components put together again, without a leading slash. */
export function joinPath(parts: readonly Buffer[]): Buffer {
  if (parts.length === 1 && parts[0]) return parts[0];
  const out: Buffer[] = [];
  for (const [i, part] of parts.entries()) {
    if (i > 0) out.push(separator);
    out.push(part);
  }
  return Buffer.concat(out);
}

/** A path for a message: printable, and cut when long. */
export function shown(path: Uint8Array): string {
  const text = Buffer.from(path.buffer, path.byteOffset, Math.min(path.length, 256)).toString("utf8");
  return JSON.stringify(text).slice(1, -1) + (path.length > 256 ? "..." : "");
}
