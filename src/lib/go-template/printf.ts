/** Go's fmt.Sprintf over JSON values: flags, widths, precisions, `*`, argument indexes, and its ways of telling mistakes. */
import { formatGeneral, isMap, noValue, printValue } from "./print-value.ts";
import { typeName } from "./type-name.ts";

interface Directive {
  readonly verb: string;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | null;
}

/** Go ignores greater widths and precisions. */
const largest = 1_000_000;

const directive = /%([-+# 0]*)(?:(\d+)|((?:\[\d+\])?)\*)?(?:(\.)(?:(\d+)|((?:\[\d+\])?)\*)?)?((?:\[\d+\])?)(\P{Cc})?/gu;

export function printf(format: string, args: readonly unknown[]): string {
  let next = 0;
  let reordered = false;
  const used = format.replace(directive, (...match) => {
    const [, flags = "", digits, starAt, dot, precise, preciseAt, at = "", verb] = match as (string | undefined)[];
    const complaints: string[] = [];
    let badIndex = false;
    const seek = (index: string | undefined): void => {
      if (!index) return;
      reordered = true;
      const wanted = Number(index.slice(1, -1)) - 1;
      badIndex = wanted < 0 || wanted >= args.length;
      if (!badIndex) next = wanted;
    };
    const star = (index: string, complaint: string): number | null => {
      seek(index);
      const value = args[next++];
      if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= largest) return value;
      complaints.push(complaint);
      return null;
    };
    let width = digits === undefined ? 0 : Number(digits);
    let given = flags;
    if (starAt !== undefined) width = star(starAt, "%!(BADWIDTH)") ?? 0;
    if (width < 0) {
      given += "-";
      width = -width;
    }
    let precision = dot === undefined ? null : Number(precise ?? 0);
    if (preciseAt !== undefined) precision = star(preciseAt, "%!(BADPREC)");
    seek(at);
    const told = complaints.join("");
    if (verb === undefined) return `${told}%!(NOVERB)`;
    if (verb === "%") return `${told}%`;
    if (badIndex) return `${told}%!${verb}(BADINDEX)`;
    if (next >= args.length) return `${told}%!${verb}(MISSING)`;
    if (width > largest) width = 0;
    if (precision !== null && (precision < 0 || precision > largest)) precision = null;
    return told + formatValue(args[next++], { verb, flags: given, width, precision });
  });
  if (reordered || next >= args.length) return used;
  const extra = args.slice(next).map((arg) => (isNil(arg) ? "<nil>" : `${typeName(arg)}=${printed(arg)}`));
  return `${used}%!(EXTRA ${extra.join(", ")})`;
}

const isNil = (value: unknown): boolean => value === null || value === undefined;

/** A value as %v shows it. */
export const printed = (value: unknown): string => (isNil(value) ? "<nil>" : printValue(value));

function formatValue(value: unknown, how: Directive): string {
  const { verb, flags, precision } = how;
  if (verb === "T") return padded(isNil(value) ? "<nil>" : typeName(value), how);
  if (isNil(value)) return verb === "v" ? padded("<nil>", how) : `%!${verb}(<nil>)`;
  if (value === noValue) return padded(printValue(value), how);
  if (typeof value === "boolean") return "vt".includes(verb) ? padded(String(value), how) : refused(value, verb);
  if (typeof value === "string") return formatText(value, how);
  if (typeof value === "number" || typeof value === "bigint") {
    const isFloat = typeof value === "number" && !Number.isInteger(value);
    if ("eEfFgG".includes(verb) || (isFloat && verb === "v")) return formatFloat(Number(value), how);
    return isFloat ? refused(value, verb) : formatInteger(BigInt(value), how);
  }
  if (Array.isArray(value)) return `[${value.map((each) => formatValue(each, how)).join(" ")}]`;
  if (typeof value !== "object" || (verb === "v" && flags === "" && how.width === 0 && precision === null)) {
    return printed(value);
  }
  const entries = Object.entries(value as object);
  if (!isMap(value as object) && printValue(value).startsWith("{")) {
    return `{${entries.map(([, each]) => formatValue(each, how)).join(" ")}}`;
  }
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${sorted.map(([key, each]) => `${formatValue(key, how)}:${formatValue(each, how)}`).join(" ")}]`;
}

const refused = (value: unknown, verb: string): string => `%!${verb}(${typeName(value)}=${printed(value)})`;

/** Filled up to the width, counted in characters. `body` may begin with a sign when it is a number's. */
function padded(body: string, { flags, width }: Directive, isNumber = false): string {
  const missing = width - [...body].length;
  if (missing <= 0) return body;
  if (flags.includes("-")) return body + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + body;
  const sign = isNumber && /^[-+ ]/.test(body) ? body[0]! : "";
  return sign + "0".repeat(missing) + body.slice(sign.length);
}

function formatText(value: string, how: Directive): string {
  const { verb, flags, precision } = how;
  const text = precision === null ? value : [...value].slice(0, precision).join("");
  switch (verb) {
    case "v":
    case "s":
      return padded(text, how);
    case "q":
      return padded(flags.includes("#") && !/[`\p{Cc}]/u.test(text) ? `\`${text}\`` : quoteGo(text), how);
    case "x":
    case "X": {
      const bytes = [...new TextEncoder().encode(value)].slice(0, precision ?? undefined);
      const spaced = flags.includes(" ");
      const prefix = flags.includes("#") ? "0x" : "";
      const pieces = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
      const hex = spaced
        ? pieces.map((piece) => prefix + piece).join(" ")
        : pieces.length > 0
          ? prefix + pieces.join("")
          : "";
      return padded(verb === "X" ? hex.toUpperCase() : hex, how);
    }
    default:
      return refused(value, verb);
  }
}

const bases: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  v: [10, ""],
  d: [10, ""],
  b: [2, "0b"],
  o: [8, "0"],
  O: [8, "0o"],
  x: [16, "0x"],
  X: [16, "0x"],
};

function formatInteger(value: bigint, how: Directive): string {
  const { verb, flags, precision } = how;
  const character = value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "\ufffd";
  if (verb === "c") return padded(character, how);
  if (verb === "q")
    return padded(`'${quoteGo(character).slice(1, -1).replace(/\\"/, '"').replace(/^'$/, "\\'")}'`, how);
  if (verb === "U") {
    const code = `U+${value
      .toString(16)
      .toUpperCase()
      .padStart(Math.max(4, precision ?? 0), "0")}`;
    return padded(flags.includes("#") ? `${code} '${character}'` : code, { ...how, flags: flags.replace(/0/g, "") });
  }
  const base = bases[verb];
  if (!base) return refused(value, verb);
  const sign = value < 0n ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const prefix = verb === "O" || flags.includes("#") ? base[1] : "";
  const digits = (value < 0n ? -value : value).toString(base[0]).padStart(precision ?? 0, "0");
  const body = precision === 0 && value === 0n ? "" : sign + prefix + digits;
  // A precision says how many digits there are, and leaves none to a width.
  const rest = precision === null ? how : { ...how, flags: flags.replace(/0/g, "") };
  return padded(verb === "X" ? body.toUpperCase() : body, rest, true);
}

function formatFloat(value: number, how: Directive): string {
  const { verb, flags, precision } = how;
  const size = Math.abs(value);
  let text: string;
  if (verb === "f" || verb === "F") text = roundToEven(size, precision ?? 6, (n) => size.toFixed(n));
  else if (verb === "e" || verb === "E") {
    text = twoDigitExponent(roundToEven(size, precision ?? 6, (n) => size.toExponential(n)));
  } else text = formatGeneral(size, precision);
  const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return padded(sign + (verb === "E" || verb === "G" ? text.toUpperCase() : text), how, true);
}

/** JavaScript rounds a tie up, Go to the even digit. */
function roundToEven(size: number, precision: number, write: (digits: number) => string): string {
  const digits = Math.min(precision, 100);
  const [mantissa = "", exponent] = write(Math.min(digits + 40, 100)).split("e");
  const point = mantissa.indexOf(".");
  const end = point < 0 ? mantissa.length : point + 1 + digits;
  const kept = mantissa.slice(0, digits === 0 && point >= 0 ? point : end);
  const isTie = /^50*$/.test(mantissa.slice(end)) && /[02468]$/.test(kept);
  return isTie && Number.isFinite(size) ? kept + (exponent === undefined ? "" : `e${exponent}`) : write(digits);
}

const twoDigitExponent = (text: string): string => text.replace(/e([+-])(\d)$/, "e$10$2");

const escapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** A string literal of Go. */
export function quoteGo(text: string): string {
  const shown = text.replace(/["\\\p{Cc}]/gu, (c) => {
    const code = c.codePointAt(0)!.toString(16);
    return (
      escapes[c] ?? (code.length > 2 || code > "7f" ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`)
    );
  });
  return `"${shown}"`;
}
