/** What a file offers: its stages, and for one of them the arguments, secrets and agents that its build can be given. */
import type { Stage } from "../instructions/stages.ts";
import type { Range } from "../text/source.ts";
import type { GlobalArgs } from "./args.ts";
import type { StageNode } from "./graph.ts";
import type { RunMount, StagePlan } from "./plan.ts";
import type { StageState } from "./stage-state.ts";

/** `--call outline`. */
export interface Outline {
  /** Of the target; "" where it has none. */
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
}

export interface OutlineArg {
  readonly name: string;
  readonly description: string;
  /** What it comes to in this build; null for none. */
  readonly value: string | null;
  readonly range: Range;
}

export interface OutlineMount {
  readonly name: string;
  readonly isRequired: boolean;
  readonly range: Range;
}

/** `--call targets`: one stage. */
export interface TargetSummary {
  readonly name: string;
  readonly isDefault: boolean;
  readonly description: string;
  /** As they are written. */
  readonly base: string;
  readonly platform: string | null;
  readonly range: Range;
}

/** What a comment before an ARG or a FROM says of one of its names: `# NAME description`. */
function descriptionOf(name: string, comments: readonly string[]): string {
  const prefix = `${name} `;
  return comments.find((comment) => name !== "" && comment.startsWith(prefix))?.slice(prefix.length) ?? "";
}

/** All stages that can be asked for; the last one is what a build makes by default. */
export function targetsOf(stages: readonly Stage[]): TargetSummary[] {
  return stages.map(({ from, index }) => ({
    name: from.stage ?? "",
    isDefault: index === stages.length - 1,
    description: descriptionOf(from.stage ?? "", from.statement.comments),
    base: from.base,
    platform: from.platform,
    range: from.statement.range,
  }));
}

/** A stage that has been planned, with the state that it ended in. */
interface PlannedStage {
  readonly node: StageNode;
  readonly state: StageState;
  readonly plan: StagePlan;
}

/** Gathers what the stages of a plan can be given. */
export function outlineOf(target: StageNode, stages: readonly PlannedStage[], globals: GlobalArgs): Outline {
  const { from } = target.stage;
  const name = from.stage ?? "";
  return {
    name,
    description: descriptionOf(name, from.statement.comments),
    args: argsOf(stages, globals),
    secrets: mountsOf(stages, "secret"),
    ssh: mountsOf(stages, "ssh"),
  };
}

function argsOf(stages: readonly PlannedStage[], globals: GlobalArgs): OutlineArg[] {
  const own = stages.flatMap(ownArgs);
  // A stage's ARG without a default hands on the one before the first FROM.
  const handedOn = own.filter(({ isBare, name }) => isBare && globals.declared.has(name)).map(({ name }) => name);
  const used = new Set([...stages.flatMap(({ node }) => [...node.usedArgs]), ...handedOn]);
  for (const name of used) for (const other of globals.declared.get(name)?.uses ?? []) used.add(other);
  const global = [...globals.declared]
    .filter(([name]) => used.has(name))
    .map(([name, { value, statement }]) => {
      return { name, value, description: descriptionOf(name, statement.comments), range: statement.range };
    });
  const stageArgs = own.filter(({ isBare, name }) => !(isBare && globals.declared.has(name)));
  const byName = new Map([...global, ...stageArgs.map(({ isBare: _, ...arg }) => arg)].map((arg) => [arg.name, arg]));
  return [...byName.values()].sort((a, b) => a.range.start.line - b.range.start.line);
}

function ownArgs({ node, state }: PlannedStage): (OutlineArg & { isBare: boolean })[] {
  const written = node.parts.flatMap(({ instruction }) => {
    if (instruction.kind !== "arg") return [];
    const { comments, range } = instruction.statement;
    return instruction.args.map(({ name, value }) => ({ name, isBare: value === null, comments, range }));
  });
  // The state also has those of the stage that this one begins at, in front.
  const values = written.length === 0 ? [] : state.args.slice(-written.length);
  return written.map(({ name, isBare, comments, range }, i) => {
    return { name, isBare, description: descriptionOf(name, comments), value: values[i]?.value ?? null, range };
  });
}

function mountsOf(stages: readonly PlannedStage[], type: Extract<RunMount["type"], "secret" | "ssh">): OutlineMount[] {
  const found = new Map<string, OutlineMount>();
  for (const { work, range } of stages.flatMap(({ plan }) => plan.steps)) {
    if (work?.kind !== "run") continue;
    for (const mount of work.mounts) {
      if (mount.type !== type || found.has(mount.id)) continue;
      found.set(mount.id, { name: mount.id, isRequired: mount.isRequired, range });
    }
  }
  return [...found.values()];
}
