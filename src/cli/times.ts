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

/** RFC 3339 as Go prints a time: `2026-11-24 01:48:06.949248229 +0000 UTC`. */
export function goTime(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return text;
  const [, day, time, fraction = "", zone = ""] = match;
  const trimmed = fraction.replace(/\.?0+$/, "");
  return `${day} ${time}${trimmed} ${zone === "Z" ? "+0000 UTC" : `${zone.replace(":", "")} ${zone.replace(":", "")}`}`;
}
