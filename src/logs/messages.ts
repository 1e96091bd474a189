/** From the entries of a log file to the messages that drivers deliver. */
import { randomBytes } from "node:crypto";
import type { Delivered, PartialLine } from "../lib/log-file/position.ts";
import type { LogRecord } from "../lib/log-file/record.ts";
import { parseNanoseconds } from "../lib/log-file/time.ts";
import type { LogMessage } from "./driver.ts";

/** The messages of `records`, and the lines that are not at their end after them. */
export function messagesOf(
  records: readonly LogRecord[],
  partial: Delivered["partial"],
): { messages: LogMessage[]; partial: Delivered["partial"] } {
  const open: { stdout?: PartialLine; stderr?: PartialLine } = { ...partial };
  const messages = records.map(({ log, stream, time }): LogMessage => {
    const last = log.endsWith("\n");
    const line = last ? log.slice(0, -1) : log;
    const at = parseNanoseconds(time) ?? BigInt(Date.now()) * 1_000_000n;
    const before = open[stream];
    if (last && !before) return { line, stream, at, partial: null };
    const { id, ordinal } = before ?? { id: randomBytes(32).toString("hex"), ordinal: 0 };
    if (last) delete open[stream];
    else open[stream] = { id, ordinal: ordinal + 1 };
    return { line, stream, at, partial: { id, ordinal: ordinal + 1, last } };
  });
  return { messages, partial: open };
}
