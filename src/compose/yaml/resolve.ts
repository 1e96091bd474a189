/** What an unquoted YAML scalar means, by the rules of the YAML library that Compose files are written for (go-yaml v3). */
import type { ScalarValue } from "./node.ts";

const words: ReadonlyMap<string, ScalarValue> = new Map<string, ScalarValue>([
  ["", null],
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
  [".nan", Number.NaN],
  [".NaN", Number.NaN],
  [".NAN", Number.NaN],
  [".inf", Number.POSITIVE_INFINITY],
  [".Inf", Number.POSITIVE_INFINITY],
  [".INF", Number.POSITIVE_INFINITY],
  ["+.inf", Number.POSITIVE_INFINITY],
  ["+.Inf", Number.POSITIVE_INFINITY],
  ["+.INF", Number.POSITIVE_INFINITY],
  ["-.inf", Number.NEGATIVE_INFINITY],
  ["-.Inf", Number.NEGATIVE_INFINITY],
  ["-.INF", Number.NEGATIVE_INFINITY],
]);

const longest64Bit = 2n ** 64n;

export interface Resolved {
  readonly value: ScalarValue;
  readonly isFloat?: boolean;
}

/** Null, booleans, integers of every base, floats; everything else is text. */
export function resolvePlain(text: string): Resolved {
  const word = words.get(text);
  if (word !== undefined) return { value: word, isFloat: typeof word === "number" };
  if (!/^[-+.0-9]/.test(text)) return { value: text };
  const integer = readInteger(text.replaceAll("_", ""));
  if (integer !== null) return { value: integer };
  const digits = text.replaceAll("_", "");
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(digits))
    return { value: Number(digits), isFloat: true };
  return { value: text };
}

function readInteger(text: string): number | bigint | null {
  const [, sign, prefix = "", digits = ""] = /^([-+]?)(0[xX]|0[oO]|0[bB]|0(?=[0-7]))?([0-9a-fA-F]+)$/.exec(text) ?? [];
  if (sign === undefined) return null;
  const [accepted, radix] = bases[prefix.toLowerCase()]!;
  if (!accepted.test(digits)) return null;
  const size = BigInt((radix === "" ? "" : radix) + digits);
  if (size >= longest64Bit || (sign === "-" && size > longest64Bit / 2n)) return null;
  const value = sign === "-" ? -size : size;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** By prefix: the digits it takes, and the prefix JavaScript knows it by. A bare zero in front is octal too. */
const bases: Readonly<Record<string, readonly [RegExp, string]>> = {
  "": [/^\d+$/, ""],
  "0x": [/^[\da-fA-F]+$/, "0x"],
  "0o": [/^[0-7]+$/, "0o"],
  "0": [/^[0-7]+$/, "0o"],
  "0b": [/^[01]+$/, "0b"],
};

/** True for text that some YAML reader, old or new, would take for something else if it stood unquoted. */
export function needsQuotes(text: string): boolean {
  if (typeof resolvePlain(text).value !== "string") return true;
  if (/^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/.test(text)) return true;
  if (isTimestamp(text)) return true;
  return /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text);
}

function isTimestamp(text: string): boolean {
  if (!/^\d{4}-/.test(text)) return false;
  const time =
    /^\d{4}-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)?$/;
  const [, month, day] = time.exec(text) ?? [];
  return month !== undefined && Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= 31;
}
