/** What `bake --print` shows: groups and targets with what they come to, as JSON that bake reads again. */
import { csvOf } from "../fields.ts";
import { isList, isMap, textOf } from "../hcl/evaluate.ts";
import type { HclValue } from "../hcl/expression.ts";
import type { TargetFields } from "./definition.ts";
import type { Resolved } from "./resolve.ts";

/** In the order in which Docker's prints them. */
const order = [
  ...[
    "description",
    "annotations",
    "attest",
    "context",
    "contexts",
    "dockerfile",
    "dockerfile-inline",
    "args",
    "labels",
    "tags",
  ],
  ...["cache-from", "cache-to", "target", "secret", "ssh", "platforms", "output", "pull", "no-cache", "network"],
  ...["no-cache-filter", "shm-size", "ulimits", "call", "entitlements", "extra-hosts", "cgroup-parent"],
];
const tables = new Set(["output", "secret", "cache-from", "cache-to", "attest", "ssh"]);

export function printed({ groups, targets, linked }: Resolved, isCheck: boolean): string {
  const value = {
    group: Object.fromEntries([...groups].sort(byName).map(([name, members]) => [name, { targets: members }])),
    target: Object.fromEntries(
      [...targets].sort(byName).map(([name, fields]) => {
        // Of those that only others build from, nothing is given out.
        const own = linked.has(name) ? { ...fields, output: ["type=cacheonly"] } : fields;
        return [name, targetJson(own, isCheck)];
      }),
    ),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

function targetJson(fields: TargetFields, isCheck: boolean): Record<string, unknown> {
  const all: TargetFields = {
    context: ".",
    dockerfile: "Dockerfile",
    ...fields,
    ...(isCheck && { call: "lint" }),
  };
  const entries = order.flatMap((key): [string, unknown][] => {
    const value = all[key];
    if (value === undefined || value === null || (isList(value) && value.length === 0)) return [];
    if (tables.has(key)) return [[key, (isList(value) ? value : [value]).map((each) => itemJson(each, key))]];
    const shown = key === "args" || key === "labels" || key === "contexts" ? sorted(value) : value;
    return [[key, escaped.has(key) ? withEscapes(shown) : shown]];
  });
  return Object.fromEntries(entries);
}

/** What is read again as a template. */
const escaped = new Set(["annotations", "dockerfile-inline", "args", "labels"]);

function withEscapes(value: HclValue): HclValue {
  if (typeof value === "string") return value.replaceAll("${", () => "$${").replaceAll("%{", "%%{");
  if (isList(value)) return value.map(withEscapes);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [String(withEscapes(key)), withEscapes(each)]));
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
  if (item === null) return item;
  if (isMap(item)) return inOrder(Object.entries(item), key);
  const text = textOf(item);
  if (key === "ssh") {
    const [id, paths] = pairOf(text);
    return paths === undefined ? { id } : { id, paths: paths.split(",") };
  }
  if (!text.includes("=")) {
    if (key === "output") return text === "-" ? { type: "tar", dest: "-" } : { type: "local", dest: text };
    return key.startsWith("cache") ? { ref: text, type: "registry" } : text;
  }
  return inOrder(
    csvOf(text, key).map((field) => pairOf(field) as [string, string]),
    key,
  );
}

function pairOf(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** A secret's type is told by what it has. */
const inOrder = (fields: readonly (readonly [string, HclValue | undefined])[], key: string): object =>
  Object.fromEntries(
    key === "secret" ? fields.filter(([name]) => name !== "type") : key === "ssh" ? fields : [...fields].sort(byName),
  );

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
