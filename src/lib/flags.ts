/**
 * Command-line flags as one typed table per command, in the conventions of GNU getopt that Docker's users know: `--name
 * value`, `--name=value`, `-n value`, `-nvalue`, bundled short switches. From the table come the parser, the help text
 * and shell completion.
 */
import { formatDuration, parseDuration } from "./duration.ts";
import { messageOf } from "./errors.ts";
import { goParseError, parseBool, parseInteger } from "./flags-numbers.ts";
import { parseBytes, parseCpus } from "./units.ts";

/** One flag: how its text becomes a value of type `T`, and what help says of it. */
export interface Flag<T> {
  readonly help: string;
  readonly short?: string;
  /** The word help shows for the value; "" for a switch. */
  readonly kind: string;
  readonly initial: T;
  /** The default as help shows it; absent when the default says nothing. */
  readonly shownDefault?: string;
  readonly hidden?: boolean;
  /** The text that stands for a missing value: switches may be given bare. */
  readonly bare?: string;
  /** What shell completion offers for the value. */
  readonly complete?: Completion;
  /** Turns one occurrence into a value; throws with the reason alone. */
  parse(text: string, previous: T, occurrence: number): T;
}

/** What kind of names a value or argument takes. */
export type Completion =
  | "containers"
  | "running"
  | "copyPaths"
  | "images"
  | "networks"
  | "volumes"
  | "contexts"
  /** Of the Compose project at hand. */
  | "services"
  | "files"
  | readonly string[];

/** A table of flags by long name. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values that parsing a table gives. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Options {
  short?: string;
  hidden?: boolean;
  complete?: Completion;
}

type Made<T> = Flag<T>;

/** A usage error: its message is the first line that the user sees. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** As {@link splitCsv}, for a value that must have a field. */
export function splitFields(text: string): string[] {
  if (text === "") throw new Error("EOF");
  return splitCsv(text);
}

/** Splits one line of comma-separated values, double quotes around a value that holds a comma. */
export function splitCsv(text: string): string[] {
  if (text === "") return [];
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') {
        field += '"';
        i++;
      } else quoted = false;
    } else if (c === '"' && field === "") quoted = true;
    else if (c === '"') throw new Error(`parse error on line 1, column ${i + 1}: bare " in non-quoted-field`);
    else if (c === ",") {
      fields.push(field);
      field = "";
    } else field += c;
  }
  if (quoted)
    throw new Error(`parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`);
  fields.push(field);
  return fields;
}

const same = (text: string): string => text;

/** Makers of flags, one for each kind of value. */
export const flag = {
  bool(help: string, options: Options & { initial?: boolean } = {}): Made<boolean> {
    const { initial = false, ...rest } = options;
    return {
      ...rest,
      help,
      kind: "",
      initial,
      bare: "true",
      parse: parseBool,
      ...(initial && { shownDefault: "true" }),
    };
  },
  string(help: string, options: Options & { initial?: string; kind?: string } = {}): Made<string> {
    const { initial = "", kind = "string", ...rest } = options;
    return { ...rest, help, kind, initial, parse: same, ...(initial && { shownDefault: JSON.stringify(initial) }) };
  },
  int(
    help: string,
    options: Options & { initial?: number; unsigned?: boolean; kind?: string; most?: number } = {},
  ): Made<number> {
    const { initial = 0, unsigned = false, kind = "int", most, ...rest } = options;
    const operation = unsigned ? "ParseUint" : "ParseInt";
    const parse = (text: string): number => {
      const value = parseInteger(text, operation, most);
      if (unsigned && value < 0) throw goParseError(operation, text);
      return value;
    };
    return { ...rest, help, kind, initial, parse, ...(initial !== 0 && { shownDefault: String(initial) }) };
  },
  /** May be given several times; `check` may normalise or refuse each value. */
  list(help: string, options: Options & { kind?: string; check?: (text: string) => string } = {}): Made<string[]> {
    const { kind = "list", check = same, ...rest } = options;
    return { ...rest, help, kind, initial: [], parse: (text, previous) => [...previous, check(text)] };
  },
  /** As {@link flag.list}, each value itself a comma-separated list. */
  strings(help: string, options: Options = {}): Made<string[]> {
    return {
      ...options,
      help,
      kind: "strings",
      initial: [],
      parse: (text, previous) => [...previous, ...splitCsv(text)],
    };
  },
  /** `key=value`, several times; a key without `=` has the value "". */
  map(help: string, options: Options & { check?: (text: string) => string } = {}): Made<Record<string, string>> {
    const { check = same, ...rest } = options;
    const parse = (text: string, previous: Record<string, string>): Record<string, string> => {
      const [key, value] = splitPair(check(text));
      return { ...previous, [key]: value };
    };
    return { ...rest, help, kind: "map", initial: {}, shownDefault: "map[]", parse };
  },
  /** A size in bytes, with a unit. */
  bytes(help: string, options: Options & { initial?: number } = {}): Made<number> {
    const { initial = 0, ...rest } = options;
    return { ...rest, help, kind: "bytes", initial, parse: parseBytes };
  },
  /** As {@link flag.bytes}, where -1 means no limit. */
  swapBytes(help: string, options: Options = {}): Made<number> {
    return { ...options, help, kind: "bytes", initial: 0, parse: (text) => (text === "-1" ? -1 : parseBytes(text)) };
  },
  /** A Go duration, in nanoseconds. */
  duration(help: string, options: Options & { initial?: number } = {}): Made<number> {
    const { initial = 0, ...rest } = options;
    const shown = initial === 0 ? {} : { shownDefault: formatDuration(initial) };
    return { ...rest, help, kind: "duration", initial, parse: parseDuration, ...shown };
  },
  /** A number of CPUs, in billionths. */
  cpus(help: string, options: Options = {}): Made<number> {
    return { ...options, help, kind: "decimal", initial: 0, parse: parseCpus };
  },
  /** `key=value` conditions, as the API's `filters` parameter wants them. */
  filter(help: string, options: Options = {}): Made<Record<string, string[]>> {
    const parse = (text: string, previous: Record<string, string[]>): Record<string, string[]> => {
      if (!text.includes("=")) throw new Error("bad format of filter (expected name=value)");
      const [rawKey, rawValue] = splitPair(text);
      const key = rawKey.trim().toLowerCase();
      const value = rawValue.trim();
      const values = previous[key] ?? [];
      return { ...previous, [key]: values.includes(value) ? values : [...values, value] };
    };
    return { short: "f", ...options, help, kind: "filter", initial: {}, parse };
  },
};

/** `a=b=c` as `["a", "b=c"]`; without `=` the second is "". */
export function splitPair(text: string, separator = "="): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** What {@link parseFlags} gives. */
export interface ParsedFlags<F extends Flags> {
  readonly flags: FlagValues<F>;
  /** The long names that the user gave. */
  readonly changed: ReadonlySet<string>;
  readonly args: string[];
}

/**
 * Parses `argv` by `table`. With `interspersed` false the first argument that is not a flag ends the flags (what `run IMAGE
 * ls -l` needs). Throws {@link UsageError}; `--help` and `-h` throw {@link HelpRequest} unless the table has its own.
 */
export function parseFlags<F extends Flags>(table: F, argv: readonly string[], interspersed = true): ParsedFlags<F> {
  const values: Record<string, unknown> = {};
  const shorts = new Map<string, string>();
  for (const [name, spec] of Object.entries(table)) {
    values[name] = spec.initial;
    if (spec.short) shorts.set(spec.short, name);
  }
  const counts = new Map<string, number>();
  const args: string[] = [];

  const set = (name: string, text: string): void => {
    const spec = table[name]!;
    const occurrence = counts.get(name) ?? 0;
    try {
      values[name] = spec.parse(text, values[name], occurrence);
    } catch (error) {
      const shown = spec.short ? `-${spec.short}, --${name}` : `--${name}`;
      throw new UsageError(
        `invalid argument ${JSON.stringify(text)} for ${JSON.stringify(shown)} flag: ${messageOf(error)}`,
      );
    }
    counts.set(name, occurrence + 1);
  };

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      args.push(...argv.slice(i + 1));
      break;
    }
    if (word.length < 2 || !word.startsWith("-")) {
      if (!interspersed) {
        args.push(...argv.slice(i));
        break;
      }
      args.push(word);
      continue;
    }
    if (word.startsWith("--")) {
      const [name, value] = splitPair(word.slice(2));
      const spec = Object.hasOwn(table, name) ? table[name] : undefined;
      if (!spec) {
        if (name === "help") throw new HelpRequest("help");
        throw new UsageError(
          name === "" || name.startsWith("-") ? `bad flag syntax: ${word}` : `unknown flag: --${name}`,
        );
      }
      if (word.includes("=")) set(name, value);
      else if (spec.bare !== undefined) set(name, spec.bare);
      else if (i + 1 < argv.length) set(name, argv[++i]!);
      else throw new UsageError(`flag needs an argument: --${name}`);
      continue;
    }
    for (let bundle = word.slice(1); bundle !== ""; ) {
      const letter = bundle[0]!;
      const name = shorts.get(letter);
      const spec = name === undefined ? undefined : table[name];
      if (name === undefined || !spec) {
        if (letter === "h") throw new HelpRequest("h");
        throw new UsageError(`unknown shorthand flag: '${letter}' in -${bundle}`);
      }
      if (bundle.length > 2 && bundle[1] === "=") {
        set(name, bundle.slice(2));
        break;
      }
      if (spec.bare !== undefined) {
        set(name, spec.bare);
        bundle = bundle.slice(1);
        continue;
      }
      if (bundle.length > 1) set(name, bundle.slice(1));
      else if (i + 1 < argv.length) set(name, argv[++i]!);
      else throw new UsageError(`flag needs an argument: '${letter}' in -${bundle}`);
      break;
    }
  }
  return { flags: values as FlagValues<F>, changed: new Set(counts.keys()), args };
}

/** Thrown when the user asked for help instead of the command. */
export class HelpRequest extends Error {
  override readonly name = "HelpRequest";
  /** The spelling that was used: `-h` is an old one. */
  readonly spelling: "h" | "help";

  constructor(spelling: "h" | "help") {
    super();
    this.spelling = spelling;
  }
}
