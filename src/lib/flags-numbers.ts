/** Numbers and switches as Go's `strconv` reads them, with the reasons it gives for what it refuses. */

export function goParseError(operation: string, text: string, reason = "invalid syntax"): Error {
  return new Error(`strconv.${operation}: parsing ${JSON.stringify(text)}: ${reason}`);
}

export function parseBool(text: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw goParseError("ParseBool", text);
}

/** An integer in any base that a prefix names (`0x10`, `0b1`, `010`), with underscores where Go has them. */
export function parseInteger(text: string, operation: string, most = Number.MAX_SAFE_INTEGER): number {
  const plain = text.replace(/_/g, "");
  if (!/^[+-]?(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9]\d*)$/.test(plain)) throw goParseError(operation, text);
  const digits = plain.replace(/^[+-]/, "");
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (value > most) throw goParseError(operation, text, "value out of range");
  return plain.startsWith("-") ? -value : value;
}

/** A decimal integer without sign, at most `most`. */
export function parseUnsigned(text: string, most = Number.MAX_SAFE_INTEGER): number {
  if (!/^\d+$/.test(text)) throw goParseError("ParseUint", text);
  if (Number(text) > most) throw goParseError("ParseUint", text, "value out of range");
  return Number(text);
}

/** A decimal integer with or without sign. */
export function parseSigned(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw goParseError("ParseInt", text);
  if (Math.abs(Number(text)) > Number.MAX_SAFE_INTEGER) throw goParseError("ParseInt", text, "value out of range");
  return Number(text);
}
