import { invalidArgument } from "./errors.ts";

const classic =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

const numbers = new Map<string, number>(classic.split(" ").map((name, index) => [name, index + 1]));
numbers.set("IOT", 6);
numbers.set("CLD", 17);
numbers.set("POLL", 29);
const realTimeFirst = 34;
const realTimeLast = 64;
numbers.set("RTMIN", realTimeFirst);
numbers.set("RTMAX", realTimeLast);
for (let n = 1; n <= 15; n++) numbers.set(`RTMIN+${n}`, realTimeFirst + n);
for (let n = 1; n <= 14; n++) numbers.set(`RTMAX-${n}`, realTimeLast - n);

export const SIGKILL = 9;
export const SIGTERM = 15;

/** The number of `SIGTERM`, `term`, `RTMIN+3` or `15`; throws in dockerd's words. */
export function parseSignal(text: string): number {
  if (/^[0-9]+$/.test(text)) {
    const number = Number(text);
    if (number === 0) throw invalidArgument(`invalid signal: ${text}`);
    return number;
  }
  const number = numbers.get(text.toUpperCase().replace(/^SIG/, ""));
  if (number === undefined) throw invalidArgument(`invalid signal: ${text}`);
  return number;
}

/** True for a signal that Linux has. */
export function isKnownSignal(number: number): boolean {
  return (number >= 1 && number <= 31) || (number >= realTimeFirst && number <= realTimeLast);
}
