/** `--set target.key=value`: settings above those of the files. */
import { ExitError } from "../../command.ts";
import { isList, isMap } from "../hcl/evaluate.ts";
import type { HclValue } from "../hcl/expression.ts";
import type { TargetFields } from "./definition.ts";

export interface Override {
  /** A target's name, or a pattern for several. */
  readonly target: string;
  readonly text: string;
  apply(fields: TargetFields): TargetFields;
}

/** Keys of --set that are called otherwise in files. */
const otherNames: Readonly<Record<string, string>> = {
  arg: "args",
  label: "labels",
  platform: "platforms",
  secrets: "secret",
  tag: "tags",
  annotation: "annotations",
};

const lists = new Set([
  ...["annotations", "attest", "cache-from", "cache-to", "entitlements", "extra-hosts", "no-cache-filter", "output"],
  ...["platforms", "secret", "ssh", "tags", "ulimits"],
]);
const tables = new Set(["args", "labels", "contexts"]);
const switches = new Set(["no-cache", "pull", "push", "load"]);
const texts = new Set([
  "call",
  "context",
  "dockerfile",
  "dockerfile-inline",
  "network",
  "shm-size",
  "target",
  "cgroup-parent",
]);

/** The settings of one run: values of one list key replace the list together. */
export function readOverrides(settings: readonly string[]): Override[] {
  const seen = new Set<string>();
  return settings.map((text) => {
    const match = /^([^.=]+)\.([^=+]+)(\+?=)(.*)$/s.exec(text) ?? /^([^.=]+)\.([^=+]+)()()$/s.exec(text);
    if (!match) throw new ExitError(1, `invalid override ${text}, expected target.name=value`);
    const [, target = "", path = "", operator = "", value = ""] = match;
    const [word = "", ...inner] = path.split(".");
    const key = otherNames[word] ?? word;
    const name = inner.join(".");
    if (operator === "" && !tables.has(key))
      throw new ExitError(1, `invalid override ${text}, expected target.name=value`);
    const isFirst = operator === "=" && !seen.has(`${target}.${key}`);
    seen.add(`${target}.${key}`);
    return {
      target,
      text,
      apply: change(key, name, operator === "" ? (process.env[name] ?? "") : value, isFirst, text),
    };
  });
}

function change(key: string, name: string, value: string, isFirst: boolean, text: string): Override["apply"] {
  if (tables.has(key)) {
    if (name === "") throw new ExitError(1, `invalid override ${text}, expected target.${key}.name=value`);
    return (fields) => ({ ...fields, [key]: { ...tableOf(fields[key]), [name]: value } });
  }
  if (name !== "") throw new ExitError(1, `invalid override ${text}: ${key} has no parts`);
  if (lists.has(key)) return (fields) => ({ ...fields, [key]: [...(isFirst ? [] : listOf(fields[key])), value] });
  if (switches.has(key)) {
    if (!/^(true|false|1|0)$/i.test(value)) throw new ExitError(1, `invalid value ${value} for boolean key ${key}`);
    return (fields) => ({ ...fields, [key]: /^(true|1)$/i.test(value) });
  }
  if (texts.has(key)) return (fields) => ({ ...fields, [key]: value });
  throw new ExitError(1, `unknown key: ${key}`);
}

const tableOf = (value: HclValue | undefined): Readonly<Record<string, HclValue>> =>
  value !== undefined && isMap(value) ? value : {};
const listOf = (value: HclValue | undefined): readonly HclValue[] =>
  value !== undefined && isList(value) ? value : [];
