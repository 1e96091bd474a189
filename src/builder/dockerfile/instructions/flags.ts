import { invalidArgument } from "../../../lib/errors.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import type { Statement } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";

/** `switch` is `--f` or `--f=true`; `text` needs a value; `texts` may come several times. */
type FlagKind = "switch" | "text" | "texts";

/** What the flags of a table are when read: null where one was not given. */
export type FlagValues<T extends Readonly<Record<string, FlagKind>>> = {
  readonly [K in keyof T]: T[K] extends "switch"
    ? boolean | null
    : T[K] extends "text"
      ? string | null
      : readonly string[];
};

/** Reads a statement's flags by the table of those that its instruction has; throws DockerfileError at the flag that is wrong. */
export function readFlags<const T extends Readonly<Record<string, FlagKind>>>(
  statement: Statement,
  table: T,
): FlagValues<T> {
  const values = new Map<string, boolean | string>();
  const repeated = new Map<string, string[]>();
  for (const { text, range } of statement.flags) {
    located([statement.range], range, () => {
      const [name, value] = splitFlag(text);
      const kind = Object.hasOwn(table, name) ? table[name] : undefined;
      if (kind === undefined) throw invalidArgument(`unknown flag: --${name}${didYouMean(name, Object.keys(table))}`);
      if (kind !== "texts" && values.has(name)) throw invalidArgument(`duplicate flag specified: --${name}`);
      if (kind === "switch") values.set(name, readSwitch(name, value));
      else if (value === null) throw invalidArgument(`missing a value on flag: --${name}`);
      else if (kind === "text") values.set(name, value);
      else
        repeated
          .set(name, repeated.get(name) ?? [])
          .get(name)!
          .push(value);
    });
  }
  return Object.fromEntries(
    Object.entries(table).map(([name, kind]) => [
      name,
      kind === "texts" ? (repeated.get(name) ?? []) : (values.get(name) ?? null),
    ]),
  ) as FlagValues<T>;
}

function splitFlag(flag: string): [name: string, value: string | null] {
  const text = flag.slice("--".length);
  const at = text.indexOf("=");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

function readSwitch(name: string, value: string | null): boolean {
  if (value === "") throw invalidArgument(`missing a value on flag: --${name}`);
  const lower = (value ?? "true").toLowerCase();
  if (lower !== "true" && lower !== "false") {
    throw invalidArgument(`expecting boolean value for flag --${name}, not: ${value}`);
  }
  return lower === "true";
}
