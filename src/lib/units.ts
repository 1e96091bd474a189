/** Sizes as Docker writes and reads them. */

import { invalidArgument } from "./errors.ts";
import type { Int64 } from "./json.ts";

const decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** A number as C's `%.<precision>g` prints it: significant digits, no trailing zeros, an exponent when too wide. */
export function significant(value: number, precision: number): string {
  if (value === 0) return "0";
  const scientific = value.toExponential(precision - 1);
  const at = scientific.indexOf("e");
  const exponent = Number(scientific.slice(at + 1));
  if (exponent < -4 || exponent >= precision) {
    const mantissa = String(Number(scientific.slice(0, at)));
    const digits = String(Math.abs(exponent)).padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  return String(Number(value.toPrecision(precision)));
}

function scaled(size: Int64, base: number, units: string[], precision: number): string {
  let value = Number(size);
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${significant(value, precision)}${units[unit]}`;
}

/** Bytes in powers of 1000, as `12.3MB`; Docker's lists use three significant digits, its totals four. */
export function humanSize(bytes: Int64, precision = 4): string {
  return scaled(bytes, 1000, decimalUnits, precision);
}

/** Bytes in powers of 1024, as `1.953GiB`. */
export function binarySize(bytes: Int64, precision = 4): string {
  return scaled(bytes, 1024, binaryUnits, precision);
}

const binaryPowers = "kmgtp";

/** A decimal number as Go's `strconv.ParseFloat` takes it; NaN for anything else. */
function parseDecimal(text: string): number {
  const wellFormed = /^[+-]?(\d+(_\d+)*\.?|(\d+(_\d+)*)?\.\d+(_\d+)*)([eE][+-]?\d+)?$/.test(text);
  return wellFormed ? Number(text.replace(/_/g, "")) : Number.NaN;
}

/**
 * Reads a memory size such as `512m`, `1.5g`, `64MiB` in powers of 1024; `b` alone or nothing means bytes. Throws
 * `invalidArgument` in Docker's words, which depend on the part that is wrong.
 */
export function parseBytes(text: string): number {
  return parseSize(text, 1024);
}

/** As {@link parseBytes}, in powers of 1000 whatever the spelling. */
export function parseDecimalBytes(text: string): number {
  return parseSize(text, 1000);
}

function parseSize(text: string, base: number): number {
  const last = Math.max(...[..."0123456789. "].map((c) => text.lastIndexOf(c)));
  if (last < 0) throw invalidArgument(`invalid size: '${text}'`);
  const number = text.slice(0, text[last] === " " ? last : last + 1);
  const suffix = text.slice(last + 1);
  const size = parseDecimal(number);
  if (Number.isNaN(size))
    throw invalidArgument(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  if (size < 0) throw invalidArgument(`invalid size: '${text}'`);
  const unit = /^(?:b?|([kmgtp])(?:b|ib)?)$/i.exec(suffix);
  if (!unit) throw invalidArgument(`invalid suffix: '${suffix.length > 3 ? suffix : suffix.toLowerCase()}'`);
  const power = unit[1] ? binaryPowers.indexOf(unit[1].toLowerCase()) + 1 : 0;
  return Math.trunc(size * base ** power);
}

/** Reads a number of CPUs such as `1.5` into billionths of a CPU; throws `invalidArgument`. */
export function parseCpus(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$|^[+-]?\d+\/\d+$/.test(text))
    throw invalidArgument(`failed to parse ${text} as a rational number`);
  const [over = "", under] = text.split("/");
  const nano = (Number(over) / (under ? Number(under) : 1)) * 1e9;
  const rounded = Math.round(nano);
  if (Math.abs(nano - rounded) > 1e-3) throw invalidArgument("value is too precise");
  return rounded;
}
