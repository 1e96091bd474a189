/** What `bake --print` shows: groups and targets with what they come to, as JSON that bake reads again. */
import { csvOf } from "../fields.ts";
import { isList, isMap, textOf } from "../hcl/evaluate.ts";
import type { HclValue } from "../hcl/expression.ts";
import type { TargetFields } from "./definition.ts";
import type { Resolved } from "./resolve.ts";

/** In the order in which Docker's prints them. */
const order = [
  ...["annotations", "attest", "context", "contexts", "dockerfile", "dockerfile-inline", "args", "labels", "tags"],
  ...["cache-from", "cache-to", "target", "secret", "ssh", "platforms", "output", "pull", "no-cache", "network"],
  ...["no-cache-filter", "shm-size", "ulimits", "call", "entitlements", "extra-hosts", "cgroup-parent"],
];
const tables = new Set(["output", "secret", "cache-from", "cache-to", "attest"]);

export function printed({ groups, targets }: Resolved, isCheck: boolean): string {
  const value = {
    group: Object.fromEntries([...groups].sort(byName).map(([name, members]) => [name, { targets: members }])),
    target: Object.fromEntries([...targets].sort(byName).map(([name, fields]) => [name, targetJson(fields, isCheck)])),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

function targetJson(fields: TargetFields, isCheck: boolean): Record<string, unknown> {
  const all: TargetFields = {
    context: ".",
    ...(fields["dockerfile-inline"] === undefined && { dockerfile: "Dockerfile" }),
    ...fields,
    ...(isCheck && { call: "lint" }),
  };
  const entries = order.flatMap((key): [string, unknown][] => {
    const value = all[key];
    if (value === undefined || value === null || (isList(value) && value.length === 0)) return [];
    if (tables.has(key)) return [[key, (isList(value) ? value : [value]).map((each) => itemJson(each, key))]];
    return [[key, key === "args" || key === "labels" || key === "contexts" ? sorted(value) : value]];
  });
  return Object.fromEntries(entries);
}

const sorted = (value: HclValue): HclValue =>
  isMap(value)
    ? Object.fromEntries(
        Object.entries(value)
          .filter(([, each]) => each !== null)
          .sort(byName)
          .map(([key, each]) => [key, textOf(each)]),
      )
    : value;

function itemJson(item: HclValue, key: string): unknown {
  if (item === null || isMap(item)) return item;
  const text = textOf(item);
  if (!text.includes("=")) {
    if (key === "output") return text === "-" ? { type: "tar", dest: "-" } : { type: "local", dest: text };
    return key.startsWith("cache") ? { ref: text, type: "registry" } : text;
  }
  const fields = csvOf(text, key).map((field): [string, string] => {
    const at = field.indexOf("=");
    return [field.slice(0, at), field.slice(at + 1)];
  });
  return Object.fromEntries(key.startsWith("cache") ? fields.sort(byName) : fields);
}

/** `--list targets`: names and descriptions. */
export function targetList(
  targets: ReadonlyMap<string, TargetFields>,
  groups: ReadonlyMap<string, readonly string[]>,
): string[][] {
  const rows = [
    ...[...targets].map(([name, fields]) => [name, fields.description === undefined ? "" : textOf(fields.description)]),
    ...[...groups].map(([name, members]) => [name, members.join(", ")]),
  ];
  return rows.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
}
