/** Parser directives: `# syntax=`, `# escape=` and `# check=` in the first lines, before anything else. */

import { leadingSpaceLength, trimSpace } from "../../../lib/characters.ts";
import type { Escape } from "../expansion/expand.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import { lineRange, type Range } from "../text/source.ts";

const names = ["syntax", "escape", "check"] as const;
export type DirectiveName = (typeof names)[number];

export interface Directive {
  readonly name: DirectiveName;
  readonly value: string;
  readonly range: Range;
}

/**
 * Takes the lines of a file in order for as long as they may be directives: any other comment, an instruction or an empty
 * line ends that, and an unknown name is a comment like any other.
 */
export class DirectiveReader {
  readonly found = new Map<DirectiveName, Directive>();
  readonly #mark: string;
  #isOver = false;

  /** `mark` begins a comment. */
  constructor(mark = "#") {
    this.#mark = mark;
  }

  /** The directive that `line` (from 1; `column` of its first character) is, or null. Throws when it comes twice. */
  take(text: string, line: number, column: number): Directive | null {
    const directive = this.#isOver ? null : this.#read(text, line, column);
    if (directive === null) this.#isOver = true;
    else this.found.set(directive.name, directive);
    return directive;
  }

  #read(text: string, line: number, column: number): Directive | null {
    if (!text.startsWith(this.#mark)) return null;
    const blank = leadingSpaceLength(text.slice(this.#mark.length));
    const [all, written = "", value = ""] =
      /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(text.slice(this.#mark.length + blank)) ?? [];
    const name = names.find((each) => each === written.toLowerCase());
    if (all === undefined || name === undefined) return null;
    const start = { line, column: column + this.#mark.length + blank };
    const range = { start, end: { line, column: start.column + trimSpace(all).length } };
    if (this.found.has(name)) {
      throw new DockerfileError(`only one ${name} parser directive can be used`, [lineRange(line, line)], range);
    }
    return { name, value, range };
  }
}

/** The character that `# escape=` chooses. */
export function escapeOf(directive: Directive): Escape {
  const { value, range } = directive;
  if (value === "\\" || value === "`") return value;
  const { line } = range.start;
  throw new DockerfileError(`invalid escape token '${value}' does not match \` or \\`, [lineRange(line, line)], range);
}

/**
 * The frontend that a file asks for, in any of the three spellings: `# syntax=` (a `#!` line may stand before), `//syntax=`
 * and a JSON object. Null when it asks for none; what is no Dockerfile otherwise is none of this function's business.
 */
export function syntaxOf(lines: readonly string[]): Directive | null {
  const skipped = lines[0]?.startsWith("#!") ? 1 : 0;
  for (const mark of ["#", "//"]) {
    const reader = new DirectiveReader(mark);
    for (let i = skipped; i < lines.length; i++) {
      try {
        if (reader.take(lines[i]!.replace(/\r$/, ""), i + 1, 1) === null) break;
      } catch {
        break; // the parser tells of a directive that comes twice
      }
    }
    const found = reader.found.get("syntax");
    // Behind the frontend's name an old form has options.
    if (found) return { ...found, value: found.value.split(" ", 1)[0] ?? "" };
  }
  return jsonSyntax(lines);
}

function jsonSyntax(lines: readonly string[]): Directive | null {
  if (!lines.some((line) => line.trimStart().startsWith("{"))) return null;
  try {
    const { syntax } = JSON.parse(lines.join("\n")) as { syntax?: unknown };
    return typeof syntax === "string" ? { name: "syntax", value: syntax, range: lineRange(1, 1) } : null;
  } catch {
    return null;
  }
}

/** True for a name of Docker's own frontend (`docker/dockerfile:1`, `-upstream`, `-labs`), whose files this builder reads. */
export function isOwnFrontend(reference: string): boolean {
  return /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/.test(reference);
}
