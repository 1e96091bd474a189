/** Entries of the build cache: which of them a filter keeps, and one in full. */
import type { BuildCache } from "../../api/system.ts";
import { humanSize } from "../../lib/units.ts";
import { parseUntil } from "../../lib/until.ts";
import { ExitError } from "../command.ts";

type Keeps = (record: BuildCache) => boolean;

const yes = (value: string): boolean => value === "" || /^(1|t|true)$/i.test(value);

const conditions: Readonly<Record<string, (value: string) => Keeps>> = {
  id: (value) => (record) => record.ID.startsWith(value),
  type: (value) => (record) => record.Type === value.replace(/^=/, ""),
  description: (value) => (record) => record.Description.includes(value.replace(/^~?=?/, "")),
  parent: (value) => (record) => record.Parents?.includes(value) ?? false,
  inuse: (value) => (record) => record.InUse === yes(value),
  shared: (value) => (record) => record.Shared === yes(value),
  private: (value) => (record) => record.Shared !== yes(value),
  until: (value) => {
    const before = Number((parseUntil([value]) ?? 0n) / 1_000_000n);
    return (record) => new Date(record.LastUsedAt ?? record.CreatedAt).getTime() <= before;
  },
};

/** Every condition has to hold; of one with several values any. Exits for a name that is none. */
export function cacheFilter(filters: Readonly<Record<string, readonly string[]>>): Keeps {
  const all = Object.entries(filters).map(([name, values]): Keeps => {
    const condition = Object.hasOwn(conditions, name) ? conditions[name] : undefined;
    if (!condition)
      throw new ExitError(1, `ERROR: invalid filter ${name}: one of ${Object.keys(conditions).join(", ")}`);
    const any = values.map(condition);
    return (record) => any.some((each) => each(record));
  });
  return (record) => all.every((each) => each(record));
}

export function verboseRecord(record: BuildCache): string {
  const { ID, Parents, CreatedAt, Type, InUse, Shared, Size, Description, UsageCount, LastUsedAt } = record;
  const rows: (readonly [string, string])[] = [
    ["ID", ID],
    ...(Parents && Parents.length > 0
      ? [["Parents", `\n${Parents.map((each) => ` - ${each}`).join("\n")}`] as const]
      : []),
    ["Created at", CreatedAt],
    ["Reclaimable", String(!InUse)],
    ["Shared", String(Shared)],
    ["Size", humanSize(Size, 4)],
    ...(Description === "" ? [] : [["Description", Description] as const]),
    ["Usage count", String(UsageCount)],
    ...(LastUsedAt ? [["Last used", LastUsedAt] as const] : []),
    ["Type", Type],
  ];
  return rows
    .map(([name, value]) => (value.startsWith("\n") ? `${name}:${value}\n` : `${`${name}:`.padEnd(14)}${value}\n`))
    .join("");
}
