/** What is wrong in Compose files: collected while loading, thrown together. */
import { DhowError } from "../lib/errors.ts";
import { type At, nowhere } from "./yaml/node.ts";

export interface Problem {
  readonly at: At;
  /** Keys and indices from the top of the file, `services.web.ports.0`; "" where the text itself is wrong. */
  readonly path: string;
  /** In Compose's words where people know them. */
  readonly message: string;
}

/** Kind `invalidArgument`; its message has one line for each problem, `FILE:LINE:COLUMN: MESSAGE`. */
export class ComposeError extends DhowError {
  override readonly name = "ComposeError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("invalidArgument", problems.map(problemText).join("\n"));
    this.problems = problems;
  }
}

function problemText({ at, path, message }: Problem): string {
  const place = at.file === "" ? "" : at.line === 0 ? `${at.file}: ` : `${at.file}:${at.line}:${at.column}: `;
  const where = path === "" || message.includes(path) ? "" : ` (at ${path})`;
  return `${place}${message}${where}`;
}

/** Files with more mistakes than this are of another kind, and nobody reads on. */
const mostProblems = 100;

export class Problems {
  readonly #found: Problem[] = [];
  readonly #seen = new Set<string>();

  add(at: At | undefined, path: string, message: string): void {
    const problem = { at: at ?? nowhere, path, message };
    const text = problemText(problem);
    if (this.#seen.has(text) || this.#found.length >= mostProblems) return;
    this.#seen.add(text);
    this.#found.push(problem);
  }

  get count(): number {
    return this.#found.length;
  }

  /** Throws a {@link ComposeError} when there is anything. */
  throwIfAny(): void {
    if (this.#found.length === 0) return;
    const byPlace = (a: Problem, b: Problem): number => a.at.line - b.at.line || a.at.column - b.at.column;
    const files = [...new Set(this.#found.map((problem) => problem.at.file))];
    throw new ComposeError(files.flatMap((file) => this.#found.filter(({ at }) => at.file === file).sort(byPlace)));
  }
}
