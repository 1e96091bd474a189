import { trimSpace } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { nameOf, type Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";
import { needsOne } from "./refusals.ts";

/** `ONBUILD instruction`, for the builds that take this image as their base. */
export interface Onbuild {
  readonly kind: "onbuild";
  readonly statement: Statement;
  /** The instruction's text, with its heredocs. */
  readonly expression: string;
}

export function readOnbuild(statement: Statement): Onbuild {
  const { trigger, text, heredocs } = statement;
  if (trigger === null) throw needsOne("ONBUILD");
  readFlags(statement, {});
  const name = nameOf(trigger);
  if (name === "ONBUILD") throw invalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === "MAINTAINER" || name === "FROM") {
    throw invalidArgument(`${name} isn't allowed as an ONBUILD trigger`);
  }
  const documents = heredocs.map((heredoc) => `\n${heredoc.text}${heredoc.name}`);
  const expression = trimSpace(text).slice("ONBUILD".length).trimStart();
  return { kind: "onbuild", statement, expression: expression + documents.join("") };
}
