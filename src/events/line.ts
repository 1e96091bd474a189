/**
 * How an event lies in the journal: its wire form as JSON on a line of its own, after the CRC-32 of that text, so that a
 * damaged line is known as one and spoils no other.
 */
import { hash } from "bun";
import type { EventMessage } from "../api/events.ts";
import { parseJson, stringifyJson } from "../lib/json.ts";

const checksum = (text: string): string => hash.crc32(text).toString(16).padStart(8, "0");

export function encodeLine(event: EventMessage): string {
  const text = stringifyJson(event);
  return `${checksum(text)} ${text}\n`;
}

/** The event of a line without its newline; undefined for a damaged one. */
export function decodeLine(line: string): EventMessage | undefined {
  const text = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(text)) return undefined;
  return parseJson(text) as EventMessage;
}
