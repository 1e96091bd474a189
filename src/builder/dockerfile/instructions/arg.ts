import type { Statement } from "../syntax/statement.ts";
import { isBlankName, needsOne } from "./refusals.ts";

/** `ARG name[=default] …`. */
export interface Arg {
  readonly kind: "arg";
  readonly statement: Statement;
  readonly args: readonly Argument[];
}

export interface Argument {
  readonly name: string;
  /** Not expanded; null when there is none. */
  readonly value: string | null;
}

/** BuildKit never looks at ARG's flags. */
export function readArg(statement: Statement): Arg {
  if (statement.words.length === 0) throw needsOne("ARG");
  const args = statement.words.map(({ text }) => {
    const at = text.indexOf("=");
    if (at === 0) throw isBlankName("ARG");
    return at < 0 ? { name: text, value: null } : { name: text.slice(0, at), value: text.slice(at + 1) };
  });
  return { kind: "arg", statement, args };
}
