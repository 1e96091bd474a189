/** What bake's files say, put together: targets and groups with their values computed. */

import { ExitError } from "../../command.ts";
import { type Block, type Body, bodyOfJson, readBody } from "../hcl/body.ts";
import { evaluate, isList, isMap, textOf } from "../hcl/evaluate.ts";
import { HclError, type HclValue, placeIn } from "../hcl/expression.ts";
import { Variables } from "./variables.ts";

/** A target's settings by the names of the file. */
export type TargetFields = Readonly<Record<string, HclValue>>;

export interface BakeDefinition {
  readonly targets: ReadonlyMap<string, TargetFields>;
  /** The targets of each group, groups among them. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/** A file of bake's own; those of Compose are turned into one. */
export interface BakeSource {
  readonly name: string;
  readonly text: string;
  readonly body: Body;
}

const labelCounts = { target: 1, group: 1, variable: 1, function: 1 };

/** Reads a file in HCL, or in JSON; exits with the place of what is wrong. */
export function readBakeSource(name: string, text: string, isJson: boolean): BakeSource {
  return told(name, text, () => ({
    name,
    text,
    body: isJson ? bodyOfJson(jsonOf(text), labelCounts) : readBody(text),
  }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new HclError(error instanceof Error ? error.message : "no JSON");
  }
}

/** Runs `read`; what it finds wrong is told with the file's name and the place. */
export function told<T>(name: string, text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    const place = error.at === null || text === "" ? "" : `:${placeIn(text, error.at)}`;
    throw new ExitError(1, `${name}${place}: ${error.message}`);
  }
}

/** Later files add to earlier ones: a setting replaces, tables are joined by key. `environment` sets variables. */
export function define(
  sources: readonly BakeSource[],
  environment: Readonly<Record<string, string | undefined>>,
): BakeDefinition {
  const variables = new Variables(environment);
  for (const source of sources) told(source.name, source.text, () => variables.declare(source));
  for (const type of ["target", "group"]) variables.lend(type, blocksOf(type, sources, variables));
  for (const source of sources) told(source.name, source.text, () => variables.validate(source));
  const targets = new Map<string, TargetFields>();
  const groups = new Map<string, readonly string[]>();
  for (const source of sources) {
    told(source.name, source.text, () => {
      for (const block of source.body.blocks) {
        if (block.type === "target") addTarget(targets, groups, block, variables);
        else if (block.type === "group") addGroup(groups, block, variables);
        else if (block.type !== "variable" && block.type !== "function")
          throw new HclError(`there is no block ${JSON.stringify(block.type)}`, block.at);
      }
    });
  }
  return { targets, groups };
}

/** The blocks of a type as a table by name, whose settings others may use; each is computed when it is asked for. */
function blocksOf(type: string, sources: readonly BakeSource[], variables: Variables): HclValue {
  const all: Record<string, Record<string, HclValue>> = {};
  for (const { type: own, labels, body } of sources.flatMap((source) => source.body.blocks)) {
    if (own !== type) continue;
    const name = labels[0] ?? "";
    const fields = all[name] ?? {};
    all[name] = fields;
    for (const [key, { expression, at }] of body.attributes) {
      let isOpen = false;
      const get = (): HclValue => {
        if (isOpen) throw new HclError(`${type}.${name}.${key} depends on itself`, at);
        isOpen = true;
        try {
          return evaluate(expression, variables.scope);
        } finally {
          isOpen = false;
        }
      };
      Object.defineProperty(fields, key, { get, enumerable: true, configurable: true });
    }
  }
  return all;
}

function nameOf(block: Block): string {
  const [name = "", ...more] = block.labels;
  if (name === "" || more.length > 0) throw new HclError(`${block.type}: one name expected`, block.at);
  if (!/^[a-zA-Z0-9_-]+$/.test(name))
    throw new HclError(`invalid name ${JSON.stringify(name)} of a ${block.type}`, block.at);
  return name;
}

function addGroup(groups: Map<string, readonly string[]>, block: Block, variables: Variables): void {
  const name = nameOf(block);
  const members = block.body.attributes.get("targets");
  const value = members ? evaluate(members.expression, variables.scope) : [];
  if (!isList(value)) throw new HclError(`group ${name}: targets is a list`, members?.at ?? block.at);
  groups.set(name, [...new Set([...(groups.get(name) ?? []), ...value.map((each) => textOf(each))])]);
}

function addTarget(
  targets: Map<string, TargetFields>,
  groups: Map<string, readonly string[]>,
  block: Block,
  variables: Variables,
): void {
  const name = nameOf(block);
  const matrix = block.body.attributes.get("matrix");
  if (!matrix) {
    targets.set(name, mergeFields(targets.get(name) ?? {}, fieldsOf(block, variables, {}), name));
    return;
  }
  const named = block.body.attributes.get("name");
  if (!named) throw new HclError(`target ${name}: a matrix needs a name for each of its targets`, matrix.at);
  const members: string[] = [];
  for (const values of combinationsOf(evaluate(matrix.expression, variables.scope), name)) {
    const each = textOf(evaluate(named.expression, variables.scopeWith(values)));
    if (members.includes(each))
      throw new HclError(`target ${name}: the matrix makes ${JSON.stringify(each)} twice`, named.at);
    members.push(each);
    targets.set(each, mergeFields(targets.get(each) ?? {}, fieldsOf(block, variables, values), each));
  }
  groups.set(name, members);
}

function fieldsOf(block: Block, variables: Variables, values: Readonly<Record<string, HclValue>>): TargetFields {
  const scope = variables.scopeWith(values);
  const fields: Record<string, HclValue> = {};
  for (const [key, { expression, at }] of block.body.attributes) {
    if (key === "matrix" || key === "name") continue;
    if (!targetKeys.has(key)) throw new HclError(`a target has no ${JSON.stringify(key)}`, at);
    fields[key] = evaluate(expression, scope);
  }
  return fields;
}

/** Every combination of one value for each axis. */
function combinationsOf(matrix: HclValue, name: string): Record<string, HclValue>[] {
  if (!isMap(matrix)) throw new HclError(`target ${name}: matrix is a table of lists`);
  let all: Record<string, HclValue>[] = [{}];
  for (const [axis, values] of Object.entries(matrix)) {
    if (!isList(values)) throw new HclError(`target ${name}: matrix.${axis} is a list`);
    all = all.flatMap((each) => values.map((value) => ({ ...each, [axis]: value })));
  }
  return all;
}

const tables = new Set(["args", "labels", "contexts"]);

/** All that a target may have. */
export const targetKeys: ReadonlySet<string> = new Set([
  ...["annotations", "args", "attest", "cache-from", "cache-to", "call", "context", "contexts", "description"],
  ...["dockerfile", "dockerfile-inline", "entitlements", "extra-hosts", "inherits", "labels", "network", "no-cache"],
  ...["no-cache-filter", "output", "platforms", "pull", "secret", "shm-size", "ssh", "tags", "target", "ulimits"],
  ...["cgroup-parent"],
]);

/** `over` above `below`. */
export function mergeFields(below: TargetFields, over: TargetFields, name: string): TargetFields {
  const merged: Record<string, HclValue> = { ...below };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) continue;
    const before = merged[key];
    if (!tables.has(key)) merged[key] = value;
    else if (!isMap(value)) throw new HclError(`target ${name}: ${key} is a table`);
    else merged[key] = before !== undefined && isMap(before) ? { ...before, ...value } : value;
  }
  return merged;
}
