/** What may stand at a place of a Compose file, as data, and the check of a tree against it. */
import { didYouMean } from "../../lib/suggest.ts";
import type { Problems } from "../problems.ts";
import { keyPlace, type Mapping, type Node, type Scalar, type Sequence, sameValue } from "../yaml/node.ts";

export type JsonType = "array" | "boolean" | "integer" | "null" | "number" | "object" | "string";
export type Cast = "boolean" | "integer" | "number";

export interface Rule {
  readonly types: readonly JsonType[];
  /** Of a string: what it must be readable as. */
  readonly cast?: Cast;
  readonly choices?: readonly string[];
  readonly pattern?: RegExp;
  readonly min?: number;
  readonly max?: number;
  /** Of an array. */
  readonly items?: Accept;
  readonly unique?: boolean;
  /** Of an object: the keys it knows. */
  readonly fields?: Readonly<Record<string, Accept>>;
  readonly required?: readonly string[];
  /** Of an object: names that the file chooses, and what stands under them. */
  readonly names?: RegExp;
  readonly values?: Accept;
  /** Keys that are none of those are let through. */
  readonly open?: boolean;
  /** False: not even `x-` keys may stand there. */
  readonly extensible?: boolean;
}

/** One rule, or several of which one must hold; which one is seen by the kind of value. */
export type Accept = Rule | readonly Rule[];

export interface Check {
  readonly problems: Problems;
  /** An overriding file alone: what is null there says nothing, and what it lacks may stand in another. */
  readonly isPart: boolean;
  /** Variables stand as they are, and may become anything. */
  readonly keepTemplates: boolean;
  /** Paths of values that were wrong, and are gone from the tree. */
  readonly dropped: Set<string>;
}

/** True when `node` is as it should be, once wrong values inside of it have been told and taken out. */
export function check(node: Node, accept: Accept, at: Check, path = ""): boolean {
  const rule = chosenRule(node, accept);
  if (rule === null) {
    if (at.isPart && node.kind === "scalar" && node.value === null) return true;
    const first = (Array.isArray(accept) ? accept[0] : accept) as Rule;
    return fail(at, node, path, `must be a ${typeWords(first.types)}`);
  }
  if (node.kind === "sequence") return checkSequence(node, rule, at, path);
  if (node.kind === "mapping") return checkMapping(node, rule, at, path);
  return checkScalar(node, rule, at, path);
}

function fail(at: Check, node: Node, path: string, words: string): false {
  at.problems.add(node.at, path, `${path} ${words}`.trimStart());
  at.dropped.add(path);
  return false;
}

function chosenRule(node: Node, accept: Accept): Rule | null {
  const rules = (Array.isArray(accept) ? accept : [accept]) as readonly Rule[];
  return rules.find((rule) => rule.types.length === 0 || rule.types.some((type) => isOfType(node, type))) ?? null;
}

function isOfType(node: Node, type: JsonType): boolean {
  if (node.kind === "sequence") return type === "array";
  if (node.kind === "mapping") return type === "object";
  const { value } = node;
  if (value === null) return type === "null";
  if (typeof value === "boolean") return type === "boolean";
  if (typeof value === "string") return type === "string";
  return type === "number" || (type === "integer" && (typeof value === "bigint" || Number.isInteger(value)));
}

function typeWords(types: readonly JsonType[]): string {
  const words = types.map((type) => (type === "object" ? "mapping" : type)).sort();
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function checkScalar(node: Scalar, rule: Rule, at: Check, path: string): boolean {
  const { value } = node;
  if (rule.min !== undefined && typeof value === "number" && value < rule.min) {
    return fail(at, node, path, `must be greater than or equal to ${rule.min}`);
  }
  if (rule.max !== undefined && typeof value === "number" && value > rule.max) {
    return fail(at, node, path, `must be less than or equal to ${rule.max}`);
  }
  if (typeof value !== "string" || (at.keepTemplates && value.includes("$"))) return true;
  if (rule.choices && !rule.choices.includes(value)) {
    const [only] = rule.choices;
    const all = rule.choices.map((choice) => `'${choice}'`).join(", ");
    return fail(at, node, path, rule.choices.length === 1 ? `value must be '${only}'` : `value must be one of ${all}`);
  }
  if (rule.pattern && !rule.pattern.test(value)) {
    return fail(at, node, path, `'${value}' does not match pattern '${rule.pattern.source}'`);
  }
  const complaint = rule.cast && castComplaint(value, rule.cast);
  if (!complaint) return true;
  at.problems.add(node.at, path, `error while interpolating ${path}: failed to cast to expected type: ${complaint}`);
  at.dropped.add(path);
  return false;
}

/** The words of Go's parsers, which Compose passes on. */
function castComplaint(text: string, cast: Cast): string | null {
  if (cast === "boolean") {
    return /^(true|false|y|yes|on|n|no|off)$/i.test(text) ? null : `invalid boolean: ${text}`;
  }
  const isRight =
    cast === "integer" ? /^[-+]?\d+$/.test(text) : text.trim() === text && text !== "" && !Number.isNaN(Number(text));
  const parser = cast === "integer" ? "Atoi" : "ParseFloat";
  return isRight ? null : `strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function checkSequence(node: Sequence, rule: Rule, at: Check, path: string): boolean {
  const good = node.items.filter((item, i) => rule.items === undefined || check(item, rule.items, at, `${path}.${i}`));
  if (good.length < node.items.length) node.items.splice(0, node.items.length, ...good);
  if (rule.unique) checkUnique(node, at, path);
  return true;
}

function checkUnique(node: Sequence, at: Check, path: string): void {
  const seen = new Map<string, number>();
  for (const [i, item] of node.items.entries()) {
    const before =
      item.kind === "scalar"
        ? seen.get(`${typeof item.value} ${item.value}`)
        : node.items.slice(0, i).findIndex((one) => sameValue(one, item));
    if (before !== undefined && before >= 0) {
      at.problems.add(item.at, `${path}.${i}`, `${path} items at ${before} and ${i} are equal`);
      return;
    }
    if (item.kind === "scalar") seen.set(`${typeof item.value} ${item.value}`, i);
  }
}

function checkMapping(node: Mapping, rule: Rule, at: Check, path: string): boolean {
  for (const [key, value] of [...node.entries]) {
    const inner = path === "" ? key : `${path}.${key}`;
    const accept = rule.fields && Object.hasOwn(rule.fields, key) ? rule.fields[key] : undefined;
    const named = accept ?? (rule.names?.test(key) ? rule.values : undefined);
    if (named !== undefined) {
      if (!check(value, named, at, inner)) node.entries.delete(key);
    } else if (
      !rule.open &&
      !(rule.names?.test(key) ?? false) &&
      !(key.startsWith("x-") && rule.extensible !== false)
    ) {
      const hint = didYouMean(key, Object.keys(rule.fields ?? {}));
      const words = `${path} additional properties '${key}' not allowed${hint}`.trimStart();
      at.problems.add(keyPlace(node, key), inner, words);
      at.dropped.add(inner);
      node.entries.delete(key);
    }
  }
  const missing = at.isPart
    ? []
    : (rule.required ?? []).filter((key) => !node.entries.has(key) && !at.dropped.has(`${path}.${key}`));
  if (missing.length === 0) return true;
  const names = missing.map((key) => `'${key}'`).join(", ");
  return fail(at, node, path, `missing propert${missing.length === 1 ? "y" : "ies"} ${names}`);
}
