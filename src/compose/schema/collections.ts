/** Kinds of lists, maps and records. */

import { messageOf } from "../../lib/errors.ts";
import { splitShell } from "../../lib/shell-words.ts";
import type { Extensions } from "../model/project.ts";
import { asMapping, type Mapping, type Node, plainValue } from "../yaml/node.ts";
import type { Accept, Rule } from "./accept.ts";
import { textValue } from "./scalars.ts";
import {
  deeper,
  type Format,
  type Printable,
  type Reading,
  type RecordOptions,
  rulesOf,
  type Shape,
  type Type,
  UserMap,
} from "./type.ts";

const listOfTexts: Rule = { types: ["array"], items: { types: ["string"] }, unique: true };
export const listOrMapping: Accept = [
  { types: ["object"], names: /.+/s, values: { types: ["string", "number", "boolean", "null"] }, extensible: false },
  listOfTexts,
];

function readTexts(node: Node): string[] | undefined {
  const items = node.kind === "sequence" ? node.items.map(textValue) : node.kind === "scalar" ? [textValue(node)] : [];
  return items.length === 0 ? undefined : items;
}

export const texts: Type<readonly string[]> = { accept: listOfTexts, read: readTexts };
export const repeatedTexts: Type<readonly string[]> = {
  accept: { types: ["array"], items: { types: ["string"] } },
  read: readTexts,
};
export const textOrTexts: Type<readonly string[]> = { accept: [{ types: ["string"] }, listOfTexts], read: readTexts };
export const textsOrNumbers: Type<readonly string[]> = {
  accept: { types: ["array"], items: { types: ["string", "number"] }, unique: true },
  read: readTexts,
};

/** Null says nothing; an empty one says "none". */
export const command: Type<readonly string[] | null> = {
  accept: [{ types: ["string"] }, { types: ["array"], items: { types: ["string"] } }, { types: ["null"] }],
  read(node, how) {
    if (node.kind === "sequence") return node.items.map(textValue);
    if (node.kind !== "scalar" || node.value === null) return undefined;
    try {
      return splitShell(textValue(node));
    } catch (error) {
      how.problems.add(node.at, how.path, `${how.path}: ${messageOf(error)}`);
      return undefined;
    }
  },
  absentInJson: null,
};

/** `KEY=value` lists and mappings; a key without a value is null. */
function readPairs(node: Node): Map<string, string | null> {
  if (node.kind === "mapping") {
    return new Map([...node.entries].map(([key, value]) => [key, isNullScalar(value) ? null : textValue(value)]));
  }
  const items = node.kind === "sequence" ? node.items.map(textValue) : [];
  return new Map(
    items.map((item) => {
      const at = item.indexOf("=");
      return at < 0 ? [item, null] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

const isNullScalar = (node: Node): boolean => node.kind === "scalar" && node.value === null;

const showSorted = <T>(value: Readonly<Record<string, T>>): Printable => new UserMap(Object.entries(value).sort(byKey));
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

function nonEmpty<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> | undefined {
  const record: Record<string, T> = Object.fromEntries(entries);
  return Object.keys(record).length === 0 ? undefined : record;
}

/** A missing value is an empty one. */
export const pairs: Type<Readonly<Record<string, string>>> = {
  accept: listOrMapping,
  read: (node) => nonEmpty([...readPairs(node)].map(([key, value]) => [key, value ?? ""])),
  show: showSorted,
};

/** A missing value stays missing: it is taken from the environment, or not at all. */
export const environment: Type<Readonly<Record<string, string | null>>> = {
  accept: listOrMapping,
  read(node, how) {
    const found = readPairs(node);
    for (const key of found.keys()) {
      if (node.kind === "sequence" && /\s$/.test(key)) {
        how.problems.add(node.at, how.path, `environment variable ${key} is declared with a trailing space`);
      }
    }
    return nonEmpty(found);
  },
  show: showSorted,
};

/** A mapping to texts and numbers. */
export function options(values: Accept, rule: Partial<Rule> = {}): Type<Readonly<Record<string, string>>> {
  return { ...pairs, accept: { types: ["object"], names: /^.+$/s, values, open: true, ...rule } };
}

/** Each option once or several times. */
export const multiOptions: Type<Readonly<Record<string, readonly string[]>>> = {
  accept: {
    types: ["object"],
    names: /^.+$/s,
    values: [
      { types: ["string", "number", "boolean"] },
      { types: ["array"], items: { types: ["string", "number", "boolean"] } },
    ],
    open: true,
  },
  read: (node) => nonEmpty([...(asMapping(node)?.entries ?? [])].map(([key, value]) => [key, readTexts(value) ?? []])),
  show: showSorted,
};

/** Host names with their addresses: `HOST=ADDRESS`, `HOST:ADDRESS`, or a mapping to one or several. */
export const extraHosts: Type<Readonly<Record<string, readonly string[]>>> = {
  accept: [
    {
      types: ["object"],
      names: /.+/s,
      values: [{ types: ["string"] }, { types: ["array"], items: { types: ["string"] } }],
      extensible: false,
    },
    listOfTexts,
  ],
  read(node, how) {
    const hosts = new Map<string, string[]>();
    const add = (host: string, addresses: readonly string[]): void => {
      if (host === "" || /[:=]/.test(host)) how.problems.add(node.at, how.path, `${how.path}: bad host name '${host}'`);
      const bare = addresses.map((one) => /^\[(.+)\]$/.exec(one)?.[1] ?? one);
      hosts.set(host, [...(hosts.get(host) ?? []), ...bare]);
    };
    for (const [host, value] of asMapping(node)?.entries ?? []) add(host, readTexts(value) ?? []);
    for (const item of node.kind === "sequence" ? node.items : []) {
      const [, host = "", addresses] =
        /^([^=]*)=(.*)$/s.exec(textValue(item)) ?? /^([^:]*):(.*)$/s.exec(textValue(item)) ?? [];
      if (addresses === undefined) {
        how.problems.add(item.at, how.path, `${how.path}: invalid additional host, missing IP: ${textValue(item)}`);
      } else add(host, addresses.split(","));
    }
    return nonEmpty([...hosts]);
  },
  show: (hosts) =>
    Object.entries(hosts)
      .flatMap(([host, all]) => all.map((one) => `${host}=${one}`))
      .sort(),
};

export function listOf<T>(type: Type<T>, rule: Partial<Rule> = {}): Type<readonly T[]> {
  return {
    accept: { types: ["array"], items: type.accept, ...rule },
    read(node, how) {
      const items = node.kind === "sequence" ? node.items : [];
      const values = items.map((item, i) => type.read(item, deeper(how, i))).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : values;
    },
    show: (values, format) => values.map((value) => show(type, value, format)),
  };
}

/** A mapping by names that the file chooses. `null` in it stays, where the type lets it stand. */
export function mapOf<T>(type: Type<T>, rule: Partial<Rule> = {}): Type<Readonly<Record<string, T>>> {
  return {
    accept: { types: ["object"], names: /^[a-zA-Z0-9._-]+$/, values: type.accept, ...rule },
    read(node, how) {
      const entries = [...(asMapping(node)?.entries ?? [])];
      return nonEmpty(
        entries.flatMap(([key, value]) => {
          const read = type.read(value, deeper(how, key));
          return read === undefined ? [] : [[key, read] as const];
        }),
      );
    },
    show: (values, format) =>
      new UserMap(
        Object.entries(values)
          .sort(byKey)
          .map(([key, value]) => [key, show(type, value, format)]),
      ),
  };
}

export function show<T>(type: Type<T>, value: T, format: Format): Printable {
  return value !== null && type.show ? type.show(value, format) : value;
}

/** Null stands for "nothing special". */
export function orNull<T>(type: Type<T>): Type<T | null> {
  return {
    accept: [...rulesOf(type.accept), { types: ["null"] }],
    read: (node, how) => (isNullScalar(node) ? null : type.read(node, how)),
    show: (value, format) => (value === null ? null : show(type, value, format)),
  };
}

export function extensionsOf(node: Mapping): Extensions | undefined {
  return nonEmpty(
    [...node.entries].filter(([key]) => key.startsWith("x-")).map(([key, value]) => [key, plainValue(value)]),
  );
}

/** An object with known fields. An empty one is kept, unless `dropEmpty`. */
export function record<T extends object>(
  shape: Shape<T>,
  { unused = {}, required, extensible, open, or = [], dropEmpty = false }: RecordOptions & { dropEmpty?: boolean } = {},
): Type<T> {
  const fields: Record<string, Accept> = { ...unused };
  const kinds = Object.entries(shape) as [string, Type<unknown>][];
  for (const [key, type] of kinds) fields[key] = type.accept;
  const own: Rule = {
    types: ["object"],
    fields,
    ...(required && { required }),
    ...(open && { open }),
    ...(extensible === false && { extensible }),
  };
  return {
    accept: or.length === 0 ? own : [...or, own],
    read: (node, how) => readRecord<T>(kinds, node, how, dropEmpty),
    show: (value, format) => showRecord(kinds, value, format),
  };
}

function readRecord<T>(
  kinds: readonly [string, Type<unknown>][],
  node: Node,
  how: Reading,
  dropEmpty: boolean,
): T | undefined {
  if (node.kind !== "mapping") return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, type] of kinds) {
    const value = node.entries.get(key);
    const read = value === undefined ? undefined : type.read(value, deeper(how, key));
    if (read !== undefined) result[key] = read;
    else if (type === command) result[key] = null;
  }
  const extensions = extensionsOf(node);
  if (extensions) result.extensions = extensions;
  return dropEmpty && Object.keys(result).length === 0 ? undefined : (result as T);
}

function showRecord(kinds: readonly [string, Type<unknown>][], value: object, format: Format): Printable {
  const from = value as Readonly<Record<string, unknown>>;
  const shown = new Map<string, Printable>();
  for (const [key, type] of kinds) {
    const one = from[key];
    const isAbsent = one === undefined || (one === null && type === (command as Type<unknown>));
    const name = format === "json" ? (type.jsonKey ?? key) : key;
    if (!isAbsent) shown.set(name, show(type, one, format));
    else if (format === "json" && type.absentInJson !== undefined) shown.set(name, type.absentInJson);
  }
  if (format === "yaml") for (const [key, one] of extensionEntries(from.extensions)) shown.set(key, one);
  return shown;
}

/** Sorted, their mappings too. */
export function extensionEntries(extensions: unknown): [string, Printable][] {
  return Object.entries((extensions ?? {}) as object)
    .sort(byKey)
    .map(([key, value]) => [key, sortedPlain(value)]);
}

export function sortedPlain(value: unknown): Printable {
  if (Array.isArray(value)) return value.map(sortedPlain);
  if (typeof value !== "object" || value === null) return value;
  return new UserMap(
    Object.entries(value)
      .sort(byKey)
      .map(([key, one]) => [key, sortedPlain(one)]),
  );
}
