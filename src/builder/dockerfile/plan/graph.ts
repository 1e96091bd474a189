/** Which stage takes what from which, by name, and what of it a target needs. */
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { Platform } from "../../../lib/platform.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import { type Escape, expand } from "../expansion/expand.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { Stage } from "../instructions/stages.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import type { WorkBudget } from "../text/limits.ts";
import type { Range } from "../text/source.ts";

/** Something that files can be taken from by name: a stage, or else an image or a named context. */
export type Supplier = StageNode | OtherNode;

export interface StageNode {
  readonly kind: "stage";
  readonly stage: Stage;
  /** As it is named, or `stage-2`. */
  readonly name: string;
  /** Its base with variables put in. */
  readonly base: string;
  /** The stage that the base names; null for an image. */
  readonly baseStage: StageNode | null;
  /** What `--platform` says. */
  readonly platform: Platform | null;
  /** Variables that FROM is made of. */
  readonly usedArgs: ReadonlySet<string>;
  /** The named context that stands in for the whole stage. */
  readonly replacement: string | null;
  /** Its instructions, with those that its base triggers in front once they are known. */
  parts: readonly Part[];
}

/** What is no stage. */
export interface OtherNode {
  readonly kind: "other";
  readonly reference: string;
  readonly range: Range;
}

/** An instruction, with whom it takes files from. */
export interface Part {
  readonly instruction: Instruction;
  readonly isTrigger: boolean;
  /** COPY has one at most, RUN one for each mount; null is the build's own context, or nothing. */
  readonly suppliers: readonly (Supplier | null)[];
}

/** The stages by number and name. */
export class StageNames {
  readonly #nodes: readonly StageNode[];
  readonly #byName = new Map<string, StageNode>();

  constructor(nodes: readonly StageNode[]) {
    this.#nodes = nodes;
    for (const node of nodes) if (node.stage.from.stage !== null) this.#byName.set(node.stage.from.stage, node);
  }

  get all(): readonly string[] {
    return this.#nodes.map(({ name }) => name);
  }

  byName(name: string): StageNode | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  /** The last stage, or the one of that name. Throws `invalidArgument`. */
  target(name: string | null): StageNode {
    if (name === null) return this.#nodes.at(-1)!;
    const node = this.byName(name);
    if (node !== undefined) return node;
    throw invalidArgument(`target stage ${printf("%q", [name])} could not be found${didYouMean(name, this.all)}`);
  }

  /** An instruction with its suppliers; throws `invalidArgument` for a stage that is none. */
  part(instruction: Instruction, isTrigger: boolean, reading: Reading): Part {
    const { range } = instruction.statement;
    const supplier = (name: string): Supplier => this.byName(name) ?? { kind: "other", reference: name, range };
    if (instruction.kind === "run") {
      const suppliers = instruction.mountSources.map((from) => (from === "" ? null : supplier(from)));
      return { instruction, isTrigger, suppliers };
    }
    if (instruction.kind !== "copy" || instruction.from === null) return { instruction, isTrigger, suppliers: [null] };
    return { instruction, isTrigger, suppliers: [this.#copySource(instruction.from, supplier, reading)] };
  }

  #copySource(from: string, supplier: (name: string) => Supplier, reading: Reading): Supplier {
    if (expand(from, { ...reading, variables: new Map() }).text !== from) {
      throw invalidArgument(
        "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
      );
    }
    if (!/^[+-]?\d+$/.test(from)) return supplier(from);
    const node = this.#nodes[Number(from)];
    if (node === undefined) throw invalidArgument(`invalid stage index ${Number(from)}`);
    return node;
  }
}

interface Reading {
  readonly escapeCharacter: Escape;
  readonly budget: WorkBudget;
}

const stagesIn = (parts: readonly Part[]): { node: StageNode; part: Part }[] =>
  parts.flatMap((part) =>
    part.suppliers.flatMap((supplier) => (supplier?.kind === "stage" ? [{ node: supplier, part }] : [])),
  );

/** Throws DockerfileError, with every line that has a part in it, when stages take files from each other in a circle. */
export function refuseCircles(nodes: readonly StageNode[]): void {
  const done = new Set<StageNode>();
  const path: { node: StageNode; via: Part | null }[] = [];
  const onPath = new Set<StageNode>();
  const visit = (node: StageNode, via: Part | null): readonly Range[] | null => {
    if (done.has(node)) return null;
    path.push({ node, via });
    onPath.add(node);
    for (const { node: next, part } of stagesIn(node.parts)) {
      const found = onPath.has(next) ? [...rangesOf(path), part.instruction.statement.range] : visit(next, part);
      if (found) return found;
    }
    path.pop();
    onPath.delete(node);
    done.add(node);
    return null;
  };
  for (const node of nodes) {
    const ranges = visit(node, null);
    if (ranges) throw new DockerfileError(`circular dependency detected on stage: ${node.name}`, ranges);
  }
}

function rangesOf(path: readonly { via: Part | null }[]): Range[] {
  return path.flatMap(({ via }) => (via === null ? [] : [via.instruction.statement.range]));
}

/** The target, and all that it takes anything from. */
export function neededBy(target: StageNode): ReadonlySet<StageNode> {
  const needed = new Set([target]);
  for (const node of needed) {
    if (node.baseStage !== null && node.replacement === null) needed.add(node.baseStage);
    if (node.replacement === null) for (const { node: other } of stagesIn(node.parts)) needed.add(other);
  }
  return needed;
}
