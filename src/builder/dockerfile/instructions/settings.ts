/** Instructions that change nothing but an image's configuration, and hold one list or one text. */

import { trimSpace } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import type { Pair, Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";
import { isBlankName, needsExactlyOne, needsOne } from "./refusals.ts";

/** `ENV key=value …` and `LABEL key=value …`. */
export interface Pairs<K extends "env" | "label"> {
  readonly kind: K;
  readonly statement: Statement;
  readonly pairs: readonly Pair[];
}

export function readPairsOf<K extends "env" | "label">(kind: K, statement: Statement): Pairs<K> {
  readFlags(statement, {});
  const { pairs } = statement;
  const name = kind.toUpperCase();
  if (pairs.length === 0) throw needsOne(name);
  if (pairs.some(({ key }) => key === "")) throw isBlankName(name);
  return { kind, statement, pairs };
}

/** Instructions whose argument is all the rest of their line. */
type TextKind = "maintainer" | "stopsignal" | "user" | "workdir";

export interface Text<K extends TextKind> {
  readonly kind: K;
  readonly statement: Statement;
  readonly text: string;
}

export function readTextOf<K extends TextKind>(kind: K, statement: Statement): Text<K> {
  const [argument] = statement.words;
  if (argument === undefined) throw needsExactlyOne(kind.toUpperCase());
  // BuildKit never looks at the flags of STOPSIGNAL.
  if (kind !== "stopsignal") readFlags(statement, {});
  return { kind, statement, text: argument.text };
}

/** `EXPOSE port …`, in the order in which they are put down. */
export interface Expose {
  readonly kind: "expose";
  readonly statement: Statement;
  readonly ports: readonly string[];
}

export function readExpose(statement: Statement): Expose {
  if (statement.words.length === 0) throw needsOne("EXPOSE");
  readFlags(statement, {});
  return { kind: "expose", statement, ports: statement.words.map(({ text }) => text).sort(byBytes) };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `VOLUME path …` or `VOLUME ["path", …]`. */
export interface Volume {
  readonly kind: "volume";
  readonly statement: Statement;
  readonly paths: readonly string[];
}

export function readVolume(statement: Statement): Volume {
  if (statement.words.length === 0) throw needsOne("VOLUME");
  readFlags(statement, {});
  const paths = statement.words.map(({ text }) => trimSpace(text));
  if (paths.includes("")) throw noVolume();
  return { kind: "volume", statement, paths };
}

export const noVolume = (): Error => invalidArgument("VOLUME specified can not be an empty string");

/** `SHELL ["program", "argument"]`. */
export interface Shell {
  readonly kind: "shell";
  readonly statement: Statement;
  readonly words: readonly string[];
}

export function readShell(statement: Statement): Shell {
  readFlags(statement, {});
  if (statement.words.length === 0) throw needsOne("SHELL");
  if (!statement.isJson) throw invalidArgument("SHELL requires the arguments to be in JSON form");
  return { kind: "shell", statement, words: statement.words.map(({ text }) => text) };
}
