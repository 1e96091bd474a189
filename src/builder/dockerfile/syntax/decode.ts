import { DockerfileError } from "./dockerfile-error.ts";
import { maxFileBytes, maxLineBytes } from "./limits.ts";
import { lineRange, type Source } from "./source.ts";

/**
 * A Dockerfile's bytes as lines. UTF-8, with or without a byte order mark; throws {@link DockerfileError} for what is no
 * text (other encodings, NUL bytes) and for lines that BuildKit would refuse too.
 */
export function decodeSource(bytes: Uint8Array, name: string): Source {
  if (bytes.length > maxFileBytes) {
    throw new DockerfileError(`the Dockerfile is larger than ${maxFileBytes} bytes`, []);
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new DockerfileError("the Dockerfile is encoded in UTF-16, and must be in UTF-8", []);
  }
  const text = new TextDecoder("utf-8").decode(bytes);
  const source = { name, lines: text.split("\n") };
  for (const [index, line] of source.lines.entries()) {
    const at = index + 1;
    if (line.length * 3 > maxLineBytes && Buffer.byteLength(line) > maxLineBytes) {
      throw new DockerfileError(`dockerfile line greater than max allowed size of ${maxLineBytes}`, [
        lineRange(at, at),
      ]);
    }
    const nul = line.indexOf("\0");
    if (nul >= 0) throw unreadable(`line ${at} has a NUL byte, the Dockerfile is no text`, at, nul);
    const replaced = line.indexOf("\ufffd");
    if (replaced >= 0 && !isWritten(bytes, at)) throw unreadable(`line ${at} is not valid UTF-8`, at, replaced);
  }
  return source;
}

function unreadable(message: string, line: number, at: number): DockerfileError {
  const start = { line, column: at + 1 };
  return new DockerfileError(message, [lineRange(line, line)], { start, end: { line, column: at + 2 } });
}

/** True when the bytes of a line decode without loss, so that a U+FFFD in it was typed. */
function isWritten(bytes: Uint8Array, line: number): boolean {
  let start = 0;
  for (let skipped = 1; skipped < line; skipped++) start = bytes.indexOf(0x0a, start) + 1;
  const end = bytes.indexOf(0x0a, start);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(start, end < 0 ? undefined : end));
    return true;
  } catch {
    return false;
  }
}
