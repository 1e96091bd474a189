/** Characters as Go's unicode package sorts them, which is what decides where a Dockerfile's words end. */

const space = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;
const leadingSpace = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const trailingSpace = /[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** What parts the words of an instruction; line ends are none, continued lines are joined before. */
export const blanks = /[\t\v\f\r ]+/g;

/** The first blanks in a text: where they begin and end, both at the text's end when there are none. */
export function firstBlanks(text: string): { readonly start: number; readonly end: number } {
  const found = /[\t\v\f\r ]+/.exec(text);
  return found === null
    ? { start: text.length, end: text.length }
    : { start: found.index, end: found.index + found[0].length };
}

/** True for `unicode.IsSpace`. */
export function isSpace(character: string): boolean {
  return space.test(character);
}

/** How many characters of space `text` begins with. */
export function leadingSpaceLength(text: string): number {
  return leadingSpace.exec(text)?.[0].length ?? 0;
}

/** The parts of a text between its runs of space; empty ones where it begins or ends with space. */
export function splitAtSpace(text: string): string[] {
  return text.split(/[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/);
}

/** `text` without the space before and after it. */
export function trimSpace(text: string): string {
  const start = leadingSpaceLength(text);
  let end = text.length;
  while (end > start && !trailingSpace.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** True for a line that is a comment, whatever blanks stand before it. */
export function isComment(line: string): boolean {
  return line[leadingSpaceLength(line)] === "#";
}

/** The letter, digit or mark at `at` as one character, though it may take two units. */
export function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

/** True for what may stand in a variable's name. */
export function isNameCharacter(character: string): boolean {
  return /^(?:\w|[\p{L}\p{Nd}])$/u.test(character);
}

/** True for a decimal digit of any script. */
export function isDigit(character: string): boolean {
  return /^\p{Nd}$/u.test(character);
}
