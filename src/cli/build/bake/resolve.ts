/** From a definition to the targets that were asked for: groups opened, what is inherited put below, overrides above. */
import { globMatch } from "../../../lib/glob.ts";
import { ExitError } from "../../command.ts";
import { isList, textOf } from "../hcl/evaluate.ts";
import { HclError } from "../hcl/expression.ts";
import { type BakeDefinition, mergeFields, type TargetFields } from "./definition.ts";
import type { Override } from "./overrides.ts";

export interface Resolved {
  /** The groups that were asked for or met on the way, `default` for the targets asked for by name. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly targets: ReadonlyMap<string, TargetFields>;
  /** Those that nobody asked for, and others build from. */
  readonly linked: ReadonlySet<string>;
}

/** Exits for a name that is neither, and for what inherits or contains itself. */
export function resolve(
  definition: BakeDefinition,
  names: readonly string[],
  overrides: readonly Override[],
): Resolved {
  const groups = new Map<string, readonly string[]>();
  const targets = new Map<string, TargetFields>();
  const linked = new Set<string>();
  const wanted = names.length === 0 ? ["default"] : names;
  for (const override of overrides) checkOverride(definition, override);
  const add = (name: string): void => {
    const members = definition.groups.get(name);
    // A name that stands in its own group is that of a target.
    if (members && !groups.has(name)) {
      groups.set(name, members);
      for (const member of members) add(member);
    } else if (definition.targets.has(name)) addTarget(name);
    else if (!members) throw new ExitError(1, `failed to find target ${name}`);
  };
  const addTarget = (name: string): void => {
    linked.delete(name);
    if (targets.has(name)) return;
    const fields = inherited(definition, name, []);
    targets.set(
      name,
      overrides.filter((each) => globMatch(each.target, name)).reduce((all, each) => each.apply(all), fields),
    );
    for (const value of Object.values((targets.get(name)?.contexts ?? {}) as Record<string, unknown>)) {
      const other = /^target:(.+)$/.exec(String(value))?.[1];
      if (other === undefined) continue;
      const isNew = !targets.has(other);
      add(other);
      if (isNew) linked.add(other);
    }
  };
  for (const name of wanted) add(name);
  if (targets.size === 0) throw new ExitError(1, `the group ${JSON.stringify(wanted[0])} contains itself`);
  const asked = wanted.length === 1 && wanted[0] === "default" && groups.has("default") ? [] : wanted;
  groups.set("default", [...new Set([...(groups.get("default") ?? []), ...asked])].sort());
  return { groups, targets, linked };
}

function checkOverride(definition: BakeDefinition, { target, text }: Override): void {
  if (![...definition.targets.keys()].some((name) => globMatch(target, name)))
    throw new ExitError(1, `could not find any target matching '${target}' (--set ${text})`);
}

function inherited(definition: BakeDefinition, name: string, above: readonly string[]): TargetFields {
  if (above.includes(name)) throw new ExitError(1, `the target ${JSON.stringify(name)} inherits from itself`);
  const own = definition.targets.get(name);
  if (!own) throw new ExitError(1, `failed to find target ${name}, from which ${above.at(-1)} inherits`);
  const { inherits, ...fields } = own;
  const parents = inherits === undefined || inherits === null ? [] : isList(inherits) ? inherits : [inherits];
  try {
    const below = parents.reduce<TargetFields>(
      (all, parent) => mergeFields(all, inherited(definition, textOf(parent), [...above, name]), name),
      {},
    );
    return mergeFields(below, fields, name);
  } catch (error) {
    if (error instanceof HclError) throw new ExitError(1, error.message);
    throw error;
  }
}
