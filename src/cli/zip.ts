/** Zip archives, as far as contexts need them: stored and deflated files, found by the central directory at the end. */
import { inflateRawSync } from "node:zlib";
import { ExitError } from "./command.ts";

const localHeader = 0x04034b50;
const centralHeader = 0x02014b50;
const endOfDirectory = 0x06054b50;

export function isZip(bytes: Uint8Array): boolean {
  return bytes.length > 4 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE() === localHeader;
}

/** All files by path; throws when they are damaged, of a kind not known here, or together larger than `most`. */
export function readZip(bytes: Uint8Array, most: number): Map<string, Buffer> {
  const zip = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const files = new Map<string, Buffer>();
  try {
    let at = directoryOf(zip);
    let left = most;
    while (zip.readUInt32LE(at) === centralHeader) {
      const name = zip.toString("utf8", at + 46, at + 46 + zip.readUInt16LE(at + 28));
      if (!name.endsWith("/")) {
        const content = fileAt(zip, at, left);
        left -= content.length;
        files.set(name, content);
      }
      at += 46 + zip.readUInt16LE(at + 28) + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    }
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new ExitError(1, "zip: not a valid zip file");
  }
  return files;
}

/** Where the central directory begins: its end record stands before a comment of at most 64 KB. */
function directoryOf(zip: Buffer): number {
  for (let at = zip.length - 22; at >= Math.max(0, zip.length - 22 - 0xffff); at--) {
    if (zip.readUInt32LE(at) === endOfDirectory) return zip.readUInt32LE(at + 16);
  }
  throw new Error("no end of central directory");
}

/** The content of the file that the central header at `at` tells of. */
function fileAt(zip: Buffer, at: number, most: number): Buffer {
  const [method, crc, packed, size] = [
    zip.readUInt16LE(at + 10),
    zip.readUInt32LE(at + 16),
    zip.readUInt32LE(at + 20),
    zip.readUInt32LE(at + 24),
  ];
  if (size > most) throw new ExitError(1, "context archive is too large");
  const local = zip.readUInt32LE(at + 42);
  const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const bytes = zip.subarray(begin, begin + packed);
  if (method !== 0 && method !== 8) throw new ExitError(1, "zip: unsupported compression algorithm");
  const content = method === 0 ? bytes : inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) });
  if (content.length !== size || Bun.hash.crc32(content) !== crc) throw new ExitError(1, "zip: checksum error");
  return Buffer.from(content);
}
