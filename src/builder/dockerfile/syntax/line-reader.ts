/** From physical lines to logical ones: comments dropped, continued lines joined, heredocs taken off. */

import { isComment, leadingSpaceLength, trimSpace } from "../../../lib/characters.ts";
import type { Escape } from "../expansion/expand.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import { maxInstructionLength } from "../text/limits.ts";
import { lineRange, type Source } from "../text/source.ts";
import { DirectiveReader, escapeOf } from "./directives.ts";
import type { LogicalLine, Piece } from "./logical-line.ts";

export interface InstructionLine extends LogicalLine {
  /** Comments right before it. */
  readonly comments: readonly string[];
  /** True when an empty line stands among those it is continued over. */
  readonly hasEmptyContinuation: boolean;
}

/** A cursor over a file's lines. */
export class LineReader {
  readonly directives = new DirectiveReader();
  readonly #lines: readonly string[];
  #escapeCharacter: Escape = "\\";
  /** Lines that have been read. */
  #read = 0;

  constructor(source: Source) {
    // A line end at the end of the file begins no further line.
    this.#lines = source.lines.at(-1) === "" ? source.lines.slice(0, -1) : source.lines;
  }

  get escapeCharacter(): Escape {
    return this.#escapeCharacter;
  }

  /** The line read last, from 1. */
  get line(): number {
    return this.#read;
  }

  /** The next line as it stands, or undefined at the end. */
  nextRaw(): string | undefined {
    const line = this.#lines[this.#read];
    if (line !== undefined) this.#read++;
    return line;
  }

  /** The next instruction, or null at the end. */
  next(): InstructionLine | null {
    let comments: string[] = [];
    for (let raw = this.nextRaw(); raw !== undefined; raw = this.nextRaw()) {
      const indent = leadingSpaceLength(raw);
      const text = withoutReturn(raw.slice(indent));
      const directive = this.directives.take(text, this.#read, indent + 1);
      if (directive?.name === "escape") this.#escapeCharacter = escapeOf(directive);
      if (isComment(text)) {
        const comment = trimSpace(text.slice(1));
        if (comment === "") comments = [];
        else if (directive === null) comments.push(comment);
      } else if (text !== "") {
        return { ...this.#joined(text, indent + 1), comments };
      }
    }
    return null;
  }

  #joined(first: string, column: number): Omit<InstructionLine, "comments"> {
    const firstLine = this.#read;
    const pieces: Piece[] = [{ start: 0, line: firstLine, column }];
    let hasEmptyContinuation = false;
    let { text, isContinued } = this.#withoutContinuation(first);
    while (isContinued) {
      const raw = this.nextRaw();
      if (raw === undefined) break;
      if (isComment(raw)) continue;
      const line = withoutReturn(raw);
      if (leadingSpaceLength(line) === line.length) {
        hasEmptyContinuation = true;
        continue;
      }
      const more = this.#withoutContinuation(line);
      pieces.push({ start: text.length, line: this.#read, column: 1 });
      text += more.text;
      isContinued = more.isContinued;
      if (text.length > maxInstructionLength) {
        throw new DockerfileError(`the instruction is longer than ${maxInstructionLength} characters`, [
          lineRange(firstLine, firstLine),
        ]);
      }
    }
    return { text, firstLine, lastLine: this.#read, pieces, hasEmptyContinuation };
  }

  /** An escape at the end, blanks may follow, continues the line; not so one that is itself escaped. */
  #withoutContinuation(line: string): { text: string; isContinued: boolean } {
    let end = line.length;
    while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
    const isContinued = line[end - 1] === this.#escapeCharacter && line[end - 2] !== this.#escapeCharacter;
    return { text: isContinued ? line.slice(0, end - 1) : line, isContinued };
  }
}

function withoutReturn(line: string): string {
  return line.replace(/\r+$/, "");
}
