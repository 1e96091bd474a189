/** A Dockerfile's bytes to its statements. What each means is for `instructions/`. */

import type { Escape } from "../expansion/expand.ts";
import { DockerfileError, located } from "../text/dockerfile-error.ts";
import { maxInstructions } from "../text/limits.ts";
import { lineRange, type Range, type Source } from "../text/source.ts";
import { decodeSource } from "./decode.ts";
import type { Directive, DirectiveName } from "./directives.ts";
import { endsHeredoc, type Heredoc, heredocMarksIn } from "./heredoc.ts";
import { type InstructionLine, LineReader } from "./line-reader.ts";
import { nameOf, readStatement, type Statement } from "./statement.ts";

/** A file that has been read. */
export interface ParsedFile {
  readonly source: Source;
  readonly escapeCharacter: Escape;
  readonly directives: ReadonlyMap<DirectiveName, Directive>;
  readonly statements: readonly Statement[];
  /** The last lines of instructions that have an empty line inside, which is going to be an error one day. */
  readonly emptyContinuations: readonly Range[];
}

/** Reads a Dockerfile; throws DockerfileError, and nothing else. */
export function parseFile(bytes: Uint8Array, name: string): ParsedFile {
  if (bytes.length === 0) throw new DockerfileError("the Dockerfile cannot be empty", []);
  const source = decodeSource(bytes, name);
  const reader = new LineReader(source);
  const statements: Statement[] = [];
  const emptyContinuations: Range[] = [];
  for (let line = reader.next(); line !== null; line = reader.next()) {
    if (statements.length >= maxInstructions) {
      throw new DockerfileError(`the Dockerfile has more than ${maxInstructions} instructions`, [
        lineRange(line.firstLine, line.firstLine),
      ]);
    }
    if (line.hasEmptyContinuation) emptyContinuations.push(lineRange(line.lastLine, line.lastLine));
    statements.push(readInstruction(line, reader));
  }
  if (statements.length === 0) {
    const last = Math.max(1, reader.line);
    throw new DockerfileError("file with no instructions", [lineRange(last, last)]);
  }
  return {
    source,
    escapeCharacter: reader.escapeCharacter,
    directives: reader.directives.found,
    statements,
    emptyContinuations,
  };
}

function readInstruction(line: InstructionLine, reader: LineReader): Statement {
  const written = lineRange(line.firstLine, line.lastLine);
  const fragment = { line, start: 0, text: line.text };
  const statement = readStatement(fragment, {
    escapeCharacter: reader.escapeCharacter,
    range: written,
    comments: line.comments,
  });
  if (!mayHoldHeredocs(statement)) return statement;
  const marks = located([written], null, () => heredocMarksIn(line.text));
  if (marks.length === 0) return statement;
  const heredocs = marks.map((mark): Heredoc => {
    let text = "";
    for (let raw = reader.nextRaw(); raw !== undefined; raw = reader.nextRaw()) {
      if (endsHeredoc(mark, raw)) return { ...mark, text };
      text += `${raw}\n`;
    }
    throw new DockerfileError("unterminated heredoc", [lineRange(line.firstLine, reader.line)]);
  });
  return { ...statement, heredocs, range: lineRange(line.firstLine, reader.line) };
}

function mayHoldHeredocs(statement: Statement): boolean {
  const own = nameOf(statement) === "ONBUILD" ? statement.trigger : statement;
  return own !== null && ["ADD", "COPY", "RUN"].includes(nameOf(own)) && !own.isJson;
}
