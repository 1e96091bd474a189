import { firstBlanks } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { Escape } from "../expansion/expand.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import { lineRange } from "../text/source.ts";
import { type Fragment, rangeIn } from "./logical-line.ts";
import type { Pair } from "./statement.ts";
import { quotedWords } from "./words.ts";

/**
 * The arguments of ENV and LABEL: `key=value …`, or the old form of one key and all the rest, which the first word's lack of
 * `=` tells. Throws `invalidArgument` or DockerfileError for a mixture.
 */
export function readPairs(fragment: Fragment, instruction: string, escapeCharacter: Escape): Pair[] {
  const words = quotedWords(fragment, escapeCharacter);
  const [first] = words;
  if (first === undefined) return [];
  if (!first.text.includes("=")) {
    const { start, end } = firstBlanks(fragment.text);
    if (start === end) throw invalidArgument(`${instruction} must have two arguments`);
    const range = rangeIn(fragment, 0, fragment.text.length);
    return [{ key: fragment.text.slice(0, start), value: fragment.text.slice(end), isOldForm: true, range }];
  }
  return words.map(({ text, range }) => {
    const at = text.indexOf("=");
    if (at < 0) {
      const { firstLine, lastLine } = fragment.line;
      const message = `Syntax error - can't find = in ${printf("%q", [text])}. Must be of the form: name=value`;
      throw new DockerfileError(message, [lineRange(firstLine, lastLine)], range);
    }
    return { key: text.slice(0, at), value: text.slice(at + 1), isOldForm: false, range };
  });
}
