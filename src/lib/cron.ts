/** Times in the form of cron(8): five fields, or a name such as `@daily`. Minutes are counted since 1970, UTC. */
import { invalidArgument } from "./errors.ts";

/** The values that each field allows. */
export interface Schedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** One of the two says `*`: then both must hold, and otherwise either. */
  readonly bothDays: boolean;
  /** The hours say `*`: such a job goes by the time that passes, and others by what the clock shows. */
  readonly everyHour: boolean;
}

interface Field {
  readonly what: string;
  readonly first: number;
  readonly last: number;
  /** Names of values, from `first` on. */
  readonly names?: readonly string[];
}

const fields = {
  minutes: { what: "minute", first: 0, last: 59 },
  hours: { what: "hour", first: 0, last: 23 },
  days: { what: "day of the month", first: 1, last: 31 },
  months: { what: "month", first: 1, last: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") },
  weekdays: { what: "day of the week", first: 0, last: 7, names: "sun mon tue wed thu fri sat".split(" ") },
} as const satisfies Record<string, Field>;

const named: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const longest = 500;

/** Throws `invalidArgument`, naming the field and what is wrong with it. */
export function parseCron(text: string): Schedule {
  if (text.length > longest) throw invalidArgument(`schedule is longer than ${longest} characters`);
  const trimmed = text.trim().toLowerCase();
  const known = Object.hasOwn(named, trimmed) ? named[trimmed] : undefined;
  const parts = (known ?? trimmed).split(/\s+/);
  if (parts.length !== 5) {
    throw invalidArgument(
      `invalid schedule ${JSON.stringify(text)}: want five fields (minute, hour, day, month, day of the week) or one of ${Object.keys(named).join(", ")}`,
    );
  }
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = parts;
  const read = (field: Field, word: string): Set<number> => readField(text, field, word);
  const weekdays = new Set([...read(fields.weekdays, weekday)].map((value) => value % 7));
  return {
    minutes: read(fields.minutes, minute),
    hours: read(fields.hours, hour),
    days: read(fields.days, day),
    months: read(fields.months, month),
    weekdays,
    bothDays: day.startsWith("*") || weekday.startsWith("*"),
    everyHour: hour.startsWith("*"),
  };
}

/** `1,5-10/2`: a list of values and ranges, each with a step. */
function readField(text: string, field: Field, word: string): Set<number> {
  const values = new Set<number>();
  const wrong = (part: string): Error =>
    invalidArgument(
      `invalid schedule ${JSON.stringify(text)}: ${JSON.stringify(part)} is no ${field.what} (${field.first} to ${field.last})`,
    );
  for (const part of word.split(",")) {
    const [, range = "", stepText] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
    const [from = "", to, ...more] = range.split("-");
    const all = range === "*";
    const first = all ? field.first : numberOf(field, from);
    const single = to === undefined && stepText === undefined && !all;
    const last = single ? first : all || to === undefined ? field.last : numberOf(field, to);
    const step = stepText === undefined ? 1 : Number(stepText);
    if (first === null || last === null || first > last || step < 1 || more.length > 0) throw wrong(part);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return values;
}

function numberOf({ first, last, names }: Field, word: string): number | null {
  const at = names?.indexOf(word) ?? -1;
  if (at >= 0) return first + at;
  const value = /^\d{1,2}$/.test(word) ? Number(word) : Number.NaN;
  return value >= first && value <= last ? value : null;
}

/** Minutes that local time is ahead of UTC at a minute. */
export type Offset = (minute: number) => number;

export const localOffset: Offset = (minute) => -new Date(minute * 60_000).getTimezoneOffset();

/** Looked back over for a change of the clocks: more than any zone has ever set them back at once. */
const changeWindow = 180;

/**
 * Whether a job is due in this minute. When the clocks go forward, what they leave out is due at once; when they go back,
 * nothing is due a second time, but for jobs of every hour, which follow the time that passes.
 */
export function isDue(schedule: Schedule, minute: number, offset: Offset = localOffset): boolean {
  const now = offset(minute);
  if (schedule.everyHour) return shows(schedule, minute + now);
  const skipped = now - offset(minute - 1);
  for (let back = skipped; back > 0; back--) if (shows(schedule, minute + now - back)) return true;
  if (!shows(schedule, minute + now)) return false;
  const turnedBack = offset(minute - changeWindow) - now;
  const isRepeated = turnedBack > 0 && offset(minute - turnedBack) === now + turnedBack;
  return !isRepeated;
}

/** Whether the schedule names what a clock shows, as minutes since 1970 of its own. */
function shows(schedule: Schedule, clock: number): boolean {
  const date = new Date(clock * 60_000);
  const day = schedule.days.has(date.getUTCDate());
  const weekday = schedule.weekdays.has(date.getUTCDay());
  return (
    schedule.minutes.has(date.getUTCMinutes()) &&
    schedule.hours.has(date.getUTCHours()) &&
    schedule.months.has(date.getUTCMonth() + 1) &&
    (schedule.bothDays ? day && weekday : day || weekday)
  );
}

/**
 * The minutes that have begun since `last`. A clock that was set back up to three hours waits until it is past `last`; one
 * that leaps further either way begins anew with the minute it shows.
 */
export function minutesSince(last: number, now: number): readonly number[] {
  if (now <= last) return last - now > changeWindow ? [now] : [];
  if (now - last > changeWindow) return [now];
  return Array.from({ length: now - last }, (_, at) => last + 1 + at);
}
