/**
 * What a later file says is laid over what an earlier one said: mappings key by key, lists one after the other, everything
 * else replaced. The exceptions are the table below.
 * https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
 */
import { PathTable } from "../paths-table.ts";
import type { Problems } from "../problems.ts";
import { textValue } from "../schema/scalars.ts";
import { asMapping, isNull, type Mapping, mapping, type Node, sameValue, scalar, sequence } from "../yaml/node.ts";

type Merger = (base: Node, over: Node, path: readonly string[], problems: Problems) => Node;

const replace: Merger = (_base, over) => over;

/** Both as lists of `KEY=value`, one after the other; the last of a key wins later. */
const append: Merger = (base, over) => sequence([...asList(base), ...asList(over)], over.at);

const appendNew: Merger = (base, over) => {
  const first = asList(base);
  return sequence([...first, ...asList(over).filter((one) => !first.some((other) => sameValue(one, other)))], over.at);
};

const asNames: Merger = (base, over, path, problems) => mergeInto(asMap(base), asMap(over), path, problems);

const startedDependency = (at: Node["at"]): Mapping =>
  mapping(
    [
      ["condition", scalar("service_started", at)],
      ["required", scalar(true, at)],
    ],
    at,
  );

const dependencies: Merger = (base, over, path, problems) =>
  mergeInto(asMap(base, startedDependency), asMap(over, startedDependency), path, problems);

const build: Merger = (base, over, path, problems) => {
  const long = (node: Node): Mapping => asMapping(node) ?? mapping(isNull(node) ? [] : [["context", node]], node.at);
  return mergeInto(long(base), long(over), path, problems);
};

/** Options belong to a driver: those of another one do not stay. */
const logging: Merger = (base, over, path, problems) => {
  const [old, next] = [asMapping(base), asMapping(over)];
  if (!old || !next) return isNull(over) ? base : over;
  const [before, after] = [old.entries.get("driver"), next.entries.get("driver")];
  if (!before || !after || sameValue(before, after)) return mergeInto(old, next, path, problems);
  return over;
};

/** Pools are the same when their subnet is. */
const pools: Merger = (base, over, path, problems) => {
  if (base.kind !== "sequence" || over.kind !== "sequence") return over;
  const subnetOf = (node: Node): string => textValue(asMapping(node)?.entries.get("subnet") ?? scalar("", node.at));
  const merged = base.items.map((pool) => {
    const other = over.items.find((one) => subnetOf(one) === subnetOf(pool));
    return other === undefined ? pool : mergeInto(asMap(pool), asMap(other), path, problems);
  });
  const added = over.items.filter((pool) => !base.items.some((one) => subnetOf(one) === subnetOf(pool)));
  return sequence([...added, ...merged], over.at);
};

const rules = new PathTable<Merger>({
  "networks.*.ipam.config": pools,
  "networks.*.labels": append,
  "volumes.*.labels": append,
  "services.*.annotations": append,
  "services.*.build": build,
  "services.*.build.args": append,
  "services.*.build.additional_contexts": append,
  "services.*.build.extra_hosts": appendNew,
  "services.*.build.labels": append,
  "services.*.command": replace,
  "services.*.depends_on": dependencies,
  "services.*.deploy.labels": append,
  "services.*.dns": append,
  "services.*.dns_opt": append,
  "services.*.dns_search": append,
  "services.*.entrypoint": replace,
  "services.*.env_file": append,
  "services.*.label_file": append,
  "services.*.environment": append,
  "services.*.extra_hosts": appendNew,
  "services.*.healthcheck.test": replace,
  "services.*.labels": append,
  "services.*.logging": logging,
  "services.*.models": asNames,
  "services.*.networks": asNames,
  "services.*.sysctls": append,
  "services.*.tmpfs": append,
  "services.*.ulimits.*": replace,
});

/** The merged tree; `base` is used up. What cannot be merged is told, and stays as `base` has it. */
export function merge(base: Node, over: Node, path: readonly string[], problems: Problems): Node {
  const special = rules.at(path);
  if (special) return special(base, over, path, problems);
  if (isNull(over)) return base;
  if (base.kind === "scalar") return over;
  if (base.kind !== over.kind) {
    problems.add(over.at, path.join("."), `cannot override ${path.join(".")}`);
    return base;
  }
  if (base.kind === "sequence") return sequence([...base.items, ...(over as typeof base).items], over.at);
  return mergeInto(base, over as Mapping, path, problems);
}

function mergeInto(base: Mapping, over: Mapping, path: readonly string[], problems: Problems): Mapping {
  for (const [key, value] of over.entries) {
    const before = base.entries.get(key);
    base.entries.set(key, before === undefined ? value : merge(before, value, [...path, key], problems));
    const place = over.keyAt.get(key);
    if (place && (before === undefined || !isNull(value))) base.keyAt.set(key, place);
  }
  return base;
}

/** A service laid over the one that it extends. */
export function extendService(base: Node, service: Node, problems: Problems): Node {
  return merge(base, service, ["services", "*"], problems);
}

function asMap(node: Node, value: (at: Node["at"]) => Node = (at) => scalar(null, at)): Mapping {
  if (node.kind === "mapping") return node;
  const names = node.kind === "sequence" ? node.items : [];
  const result = mapping(
    names.map((name) => [textValue(name), value(name.at)]),
    node.at,
  );
  for (const name of names) result.keyAt.set(textValue(name), name.at);
  return result;
}

/** A mapping as sorted `KEY=value`; a text as a list of one. */
export function asList(node: Node): Node[] {
  if (node.kind === "sequence") return node.items;
  if (node.kind === "scalar") return typeof node.value === "string" ? [node] : [];
  const items = [...node.entries].flatMap(([key, value]): Node[] => {
    const at = node.keyAt.get(key) ?? value.at;
    if (isNull(value)) return [scalar(key, at)];
    const values = value.kind === "sequence" ? value.items : [value];
    return values.map((one) => scalar(`${key}=${textValue(one)}`, at));
  });
  return items.sort((a, b) => (textValue(a) < textValue(b) ? -1 : 1));
}
