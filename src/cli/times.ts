/** Times as lists show them. */
import { humanDuration } from "../lib/duration.ts";

/** `2026-11-24 01:00:00 +0000 UTC`, in the local zone, from Unix seconds. */
export function fullTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const pad = (n: number, width = 2): string => String(Math.trunc(Math.abs(n))).padStart(width, "0");
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${pad(offset / 60)}${pad(offset % 60)}`;
  const name = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")?.value;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())} ${zone} ${name}`;
}

/** `3 minutes ago`. */
export function ago(seconds: number): string {
  return `${humanDuration(Date.now() - seconds * 1000)} ago`;
}
