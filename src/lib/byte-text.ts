/**
 * File names are bytes, JSON is text. What is no UTF-8 goes through as lone surrogates, U+DC00 plus the byte, which no valid text
 * holds (Python's `surrogateescape`, PEP 383).
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Length of the UTF-8 sequence that a byte begins; 0 for a byte that begins none. */
function sequenceLength(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  return byte >= 0xf0 && byte < 0xf5 ? 4 : 0;
}

function decodeAt(bytes: Uint8Array, at: number, length: number): string | null {
  if (length === 0 || at + length > bytes.length) return null;
  try {
    return strict.decode(bytes.subarray(at, at + length));
  } catch {
    return null;
  }
}

/** The text of bytes, from which {@link bytesOfText} makes the same bytes again. */
export function textOfBytes(bytes: Uint8Array): string {
  const whole = decodeAt(bytes, 0, bytes.length);
  if (whole !== null) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    const length = sequenceLength(byte);
    const part = decodeAt(bytes, at, length);
    text += part ?? String.fromCharCode(0xdc00 + byte);
    at += part === null ? 1 : length;
  }
  return text;
}

/** The bytes that {@link textOfBytes} made a text of. */
export function bytesOfText(text: string): Buffer {
  const escaped = /[\udc80-\udcff]/u;
  if (!escaped.test(text)) return Buffer.from(text);
  return Buffer.concat(
    Array.from(text, (char) => (escaped.test(char) ? Buffer.of(char.charCodeAt(0) - 0xdc00) : Buffer.from(char))),
  );
}

/** `text` for a terminal: control characters, what reorders a line, and bytes that are no text are shown as escapes. */
export function shownText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\uFFFE\uFFFF]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return `\\u{${code.toString(16)}}`;
  });
}
