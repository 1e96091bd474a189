import { invalidArgument } from "../../../lib/errors.ts";

const mostBits = 0o7777;
const symbolic = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*$/;

/** `--chmod`: bits in octal, or a change as chmod(1) takes it. Throws `invalidArgument`. */
export function readFileMode(text: string): number | string {
  const bits = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (bits <= mostBits) return bits;
  if (/^\d/.test(text)) {
    throw invalidArgument(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  }
  if (!symbolic.test(text)) {
    throw invalidArgument(
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777, or symbolic like u=rwX,go=rX`,
    );
  }
  return text;
}
