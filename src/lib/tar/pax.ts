/** Extended header records, `LENGTH KEY=VALUE\n`, of pax(1). */
import type { TarTime } from "./entry.ts";
import { invalidHeader } from "./header.ts";

/** The records of one extended header in order; a key may come twice (old GNU sparse maps). Values are bytes. */
export type PaxRecords = { key: string; value: Buffer }[];

/** Keys whose values are paths, in which no NUL may stand. */
const names = ["path", "linkpath", "GNU.sparse.name"];

/** Reads all records; throws `invalidArgument` on a length that lies. */
export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    if (space === -1 || space - at > 10) throw invalidHeader("pax record");
    const digits = data.toString("latin1", at, space);
    const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = data.indexOf(0x3d, space + 1);
    if (length < 5 || end > data.length || data[end - 1] !== 0x0a || equals === -1 || equals >= end) {
      throw invalidHeader("pax record");
    }
    const key = data.toString("utf8", space + 1, equals);
    const value = data.subarray(equals + 1, end - 1);
    if (key === "" || key.includes("\0")) throw invalidHeader("pax key");
    if (names.includes(key) && value.includes(0)) throw invalidHeader("NUL in a name");
    records.push({ key, value });
    at = end;
  }
  return records;
}

/** A decimal integer of 0 to 2^53. */
export function paxNumber(value: Buffer): number {
  const digits = value.toString("latin1");
  const number = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw invalidHeader("pax number");
  return number;
}

/** Seconds with an optional sign and fraction, the fraction cut to nanoseconds. */
export function paxTime(value: Buffer): TarTime {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value.toString("latin1"));
  if (!match) throw invalidHeader("pax time");
  const sec = Number(match[2]);
  const nsec = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { sec, nsec };
  return nsec === 0 ? { sec: -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

/** One record as bytes; the length counts its own digits. */
export function formatPaxRecord(key: string, value: Uint8Array | string): Buffer {
  const data = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = data.length;
  while (String(length).length + data.length !== length) length = String(length).length + data.length;
  return Buffer.concat([Buffer.from(String(length)), data]);
}
