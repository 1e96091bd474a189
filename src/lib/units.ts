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

const sizePattern = /^(\d+(?:\.\d+)?) ?([kKmMgGtTpP])?[iI]?[bB]?$/;

/**
 * Reads a memory size such as `512m`, `1.5g`, `64MiB` in powers of 1024; `b` alone or nothing means bytes. Throws
 * `invalidArgument` (`invalid size: 'x'`).
 */
export function parseBytes(text: string): number {
  const match = sizePattern.exec(text.trim());
  if (!match) throw invalidArgument(`invalid size: '${text}'`);
  const power = match[2] ? "kmgtp".indexOf(match[2].toLowerCase()) + 1 : 0;
  return Math.trunc(Number(match[1]) * 1024 ** power);
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
