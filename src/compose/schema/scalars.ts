/** Kinds of single values. */
import { formatDuration } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseBytes } from "../../lib/units.ts";
import { Float } from "../print/float.ts";
import type { Node } from "../yaml/node.ts";
import type { JsonType, Rule } from "./accept.ts";
import type { Reading, Type } from "./type.ts";

/** The value as text: Go's `fmt.Sprint`. */
export function textValue(node: Node): string {
  if (node.kind !== "scalar" || node.value === null) return "";
  if (node.isFloat && typeof node.value === "number") return new Float(node.value, 64).general();
  return String(node.value);
}

function report(node: Node, how: Reading, message: string): undefined {
  how.problems.add(node.at, how.path, message);
  return undefined;
}

/** Text that may be empty, which is the same as none. */
export function text(rule: Partial<Rule> = {}): Type<string> {
  return { accept: { types: ["string"], ...rule }, read: (node) => textValue(node) || undefined };
}

/** Text that is kept when it is empty. */
export const anyText: Type<string> = { accept: { types: ["string"] }, read: textValue };

export function textOneOf<T extends string>(...choices: readonly T[]): Type<T> {
  return { accept: { types: ["string"], choices }, read: (node) => textValue(node) as T };
}

function readFlag(node: Node, how: Reading): boolean | undefined {
  if (node.kind !== "scalar") return undefined;
  if (typeof node.value !== "string") return node.value === true;
  const isOn = /^(true|y|yes|on)$/i.test(node.value);
  if (/^(y|yes|on|n|no|off)$/i.test(node.value)) {
    how.warn(`${JSON.stringify(node.value)} for boolean is not supported by YAML 1.2, please use \`${isOn}\``);
  }
  return isOn;
}

/** False is the same as none. */
export const flag: Type<boolean> = {
  accept: { types: ["boolean", "string"], cast: "boolean" },
  read: (node, how) => readFlag(node, how) || undefined,
};

/** False is something else than none. */
export const tristate: Type<boolean> = { ...flag, read: readFlag };

/** A flag that is printed even when it is false. */
export const plainFlag: Type<boolean> = { accept: { types: ["boolean"] }, read: readFlag };

function readNumber(node: Node): number | undefined {
  if (node.kind !== "scalar" || node.value === null || typeof node.value === "boolean") return undefined;
  return Number(node.value);
}

/** Zero is the same as none, unless `keepZero`. */
export function integer(rule: Partial<Rule> & { keepZero?: boolean } = {}): Type<number> {
  const { keepZero = false, ...rest } = rule;
  const accept: Rule = { types: ["number", "string"], cast: "integer", ...rest };
  const zero = keepZero ? 0 : undefined;
  return { accept, read: (node) => Math.trunc(readNumber(node) ?? 0) || zero };
}

export function float(rule: Partial<Rule> = {}): Type<number> {
  return {
    accept: { types: ["number", "string"], cast: "number", ...rule },
    read: (node) => readNumber(node) || undefined,
    show: (value) => new Float(value, 32),
  };
}

/** A size in bytes, `64m` or a number; printed as text. Zero is the same as none. */
export function bytes(types: readonly JsonType[]): Type<number> {
  return {
    accept: { types },
    read(node, how) {
      if (node.kind !== "scalar") return undefined;
      if (typeof node.value !== "string") return Math.trunc(Number(node.value)) || undefined;
      try {
        // -1 is no size: it takes a limit away.
        return (/^-\d+$/.test(node.value) ? Number(node.value) : parseBytes(node.value)) || undefined;
      } catch (error) {
        return report(node, how, `${how.path}: ${messageOf(error)}`);
      }
    },
    show: (value) => String(value),
  };
}

const nanosecondsPer: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
};

/** Go's durations, with days and weeks; null when the text is none. */
export function readDuration(value: string): number | null {
  const [, sign = "", rest = ""] = /^([-+]?)(.+)$/.exec(value) ?? [];
  if (rest === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w))+$/.test(rest)) return null;
  const parts = [...rest.matchAll(/([\d.]+)([^\d.]+)/g)];
  const total = parts.reduce((sum, [, amount = "", unit = ""]) => sum + Number(amount) * nanosecondsPer[unit]!, 0);
  return Math.round(total) * (sign === "-" ? -1 : 1);
}

export function duration({ keepZero = false } = {}): Type<number> {
  return {
    accept: { types: ["string"] },
    read(node, how) {
      const value = readDuration(textValue(node));
      if (value === null) return report(node, how, `${how.path}: invalid duration ${JSON.stringify(textValue(node))}`);
      return value === 0 && !keepZero ? undefined : value;
    },
    show: (value) => formatDuration(value),
  };
}

/** Permission bits: octal as text, any number as it is; printed in octal. */
export const fileMode: Type<number> = {
  accept: { types: ["number", "string"] },
  read(node, how) {
    if (node.kind !== "scalar") return undefined;
    if (typeof node.value !== "string") return Number(node.value);
    if (/^[0-7]+$/.test(node.value)) return Number.parseInt(node.value, 8);
    return report(node, how, `${how.path}: invalid file mode ${JSON.stringify(node.value)}`);
  },
  show: (value) => `0${value.toString(8)}`,
};

/** How many devices; `all` is -1. */
export const deviceCount: Type<number> = {
  accept: { types: ["string", "integer"] },
  read(node, how) {
    const value = textValue(node);
    if (value.toLowerCase() === "all") return -1;
    if (/^[-+]?\d+$/.test(value)) return Number(value) || undefined;
    const words = `invalid value ${JSON.stringify(value)}, the only value allowed is 'all' or a number`;
    return report(node, how, `${how.path}: ${words}`);
  },
};
