import { isUtf8 } from "node:buffer";
import { DockerfileError } from "../text/dockerfile-error.ts";
import { maxFileBytes, maxLineBytes } from "../text/limits.ts";
import { lineRange, type Source } from "../text/source.ts";

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
  const isLossless = isUtf8(bytes);
  for (const [index, line] of source.lines.entries()) {
    const at = index + 1;
    if (line.length * 3 > maxLineBytes && Buffer.byteLength(line) > maxLineBytes) {
      throw new DockerfileError(`dockerfile line greater than max allowed size of ${maxLineBytes}`, [
        lineRange(at, at),
      ]);
    }
    const nul = line.indexOf("\0");
    if (nul >= 0) throw unreadable(`line ${at} has a NUL byte, the Dockerfile is no text`, at, nul);
    const replaced = isLossless ? -1 : line.indexOf("\ufffd");
    if (replaced >= 0) throw unreadable(`line ${at} is not valid UTF-8`, at, replaced);
  }
  return source;
}

function unreadable(message: string, line: number, at: number): DockerfileError {
  const start = { line, column: at + 1 };
  return new DockerfileError(message, [lineRange(line, line)], { start, end: { line, column: at + 2 } });
}
