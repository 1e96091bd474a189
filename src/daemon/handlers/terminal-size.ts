import { invalidArgument } from "../../lib/errors.ts";

/** The size that a resize asks for. Throws `invalidArgument` in dockerd's words. */
export function terminalSize(query: { h: string; w: string }): { height: number; width: number } {
  return { height: cells("height", query.h), width: cells("width", query.w) };
}

function cells(side: string, text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalidArgument(`invalid resize ${side} ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (value < 0 || value > 0xffff)
    throw invalidArgument(`invalid resize ${side} ${JSON.stringify(text)}: value out of range`);
  return value;
}
