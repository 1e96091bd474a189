/**
 * Carries a plan out. All stages go at once, each waiting where it takes something from another; the steps of a stage go one
 * after the other, each on the tree that the one before it left. A failure ends what the other stages do.
 */
import { DhowError } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { BuildEvent } from "../builder.ts";
import type { ImageBase } from "../collaborators.ts";
import type { BuildPlan, Input, StagePlan, Step } from "../dockerfile/plan/plan.ts";
import { DockerfileError } from "../dockerfile/text/dockerfile-error.ts";
import { RunFailed } from "../steps/run-process.ts";
import { type Tree, topOf } from "../steps/step-root.ts";
import type { Source } from "./input-roots.ts";

/** What a step's work came to. */
export interface StepResult {
  readonly tree: Tree;
  /** When its layer was made; RFC 3339. */
  readonly createdAt: string;
  readonly cached: boolean;
}

/** What a stage ended as. */
export interface StageResult {
  readonly tree: Tree;
  /** The image at the bottom of its stages; null for none. */
  readonly root: ImageBase | null;
  /** When each row of its history behind the root's was made. */
  readonly rowTimes: readonly string[];
}

export interface SolverOptions {
  readonly plan: BuildPlan;
  readonly tell: (event: BuildEvent) => void;
  /** The image that an input names; it is here. */
  image(input: Extract<Input, { readonly from: "image" }>): ImageBase;
  /** The files of the build's own context, or of a named one. */
  context(input: Extract<Input, { readonly from: "context" | "named" }>): Source | Promise<Source>;
  /** Does one step's work, or finds that it has been done. */
  carryOut(step: Step, stage: StagePlan, number: number, tree: Tree, op: Operation): Promise<StepResult>;
}

/** A step that failed; the exit code is that of its command, where it has one. */
export class StepFailed extends DockerfileError {
  readonly exitCode: number | null;
  /** Id of the image that has what it left; null where nothing was kept. */
  readonly keptImage: string | null;

  constructor(cause: DhowError, { range }: Step) {
    super(cause.message, [range], null, { kind: cause.kind, cause });
    this.exitCode = cause instanceof RunFailed ? cause.exitCode : null;
    this.keptImage = cause instanceof RunFailed ? cause.keptImage : null;
  }
}

export class Solver {
  readonly #options: SolverOptions;
  readonly #stages = new Map<number, Promise<StageResult>>();
  readonly #numbers: ReadonlyMap<StagePlan, number>;
  readonly #failure = new AbortController();
  readonly #op: Operation;

  constructor(options: SolverOptions, op: Operation) {
    this.#options = options;
    this.#op = { ...op, signal: AbortSignal.any([op.signal, this.#failure.signal]) };
    let next = 0;
    this.#numbers = new Map(
      options.plan.stages.map((stage) => {
        const first = next;
        next += 1 + stage.steps.length;
        return [stage, first];
      }),
    );
  }

  /** The labels of all steps, by number: of each stage its beginning, then its steps. */
  get labels(): readonly string[] {
    return this.#options.plan.stages.flatMap(({ label, steps }) => [label, ...steps.map((step) => step.label)]);
  }

  /** Rejects with the first failure, once everything has come to rest. */
  async solve(): Promise<StageResult> {
    const { stages, target } = this.#options.plan;
    const all = stages.map((stage) => this.#stage(stage.index));
    let first: unknown;
    for (const one of all) {
      one.catch((error: unknown) => {
        first ??= error;
        this.#failure.abort(error);
      });
    }
    await Promise.allSettled(all);
    if (first !== undefined) throw first;
    return await this.#stage(target.index);
  }

  /** What an input is, once that is there. */
  async source(input: Input): Promise<Source> {
    switch (input.from) {
      case "scratch":
        return { kind: "tree", tree: [] };
      case "stage":
        return { kind: "tree", tree: (await this.#stage(input.stage)).tree };
      case "image":
        return { kind: "tree", tree: this.#options.image(input).layers };
      case "context":
      case "named":
        return await this.#options.context(input);
    }
  }

  #stage(index: number): Promise<StageResult> {
    const known = this.#stages.get(index);
    if (known) return known;
    const stage = this.#options.plan.stages.find((one) => one.index === index);
    if (!stage) throw new Error(`stage ${index} is not planned`);
    const result = this.#solveStage(stage);
    this.#stages.set(index, result);
    return result;
  }

  async #solveStage(stage: StagePlan): Promise<StageResult> {
    const { tell } = this.#options;
    let number = this.#numbers.get(stage)!;
    tell({ kind: "started", step: number });
    const base = await this.#base(stage);
    let { tree } = base;
    let time = base.rowTimes.at(-1) ?? base.root?.file.created ?? new Date().toISOString();
    tell({ kind: "finished", step: number, cached: base.root !== null, tree: topOf(tree) ?? "" });
    const rowTimes = [...base.rowTimes];
    for (const step of stage.steps) {
      number++;
      this.#op.signal.throwIfAborted();
      tell({ kind: "started", step: number });
      let cached = false;
      if (step.work !== null) {
        const result = await this.#carryOut(step, stage, number, tree);
        ({ tree, cached } = result);
        time = result.createdAt;
      }
      tell({ kind: "finished", step: number, cached, tree: topOf(tree) ?? "" });
      if (step.history !== null) rowTimes.push(time);
    }
    return { tree, root: base.root, rowTimes };
  }

  /** A failure of the step is told with its place in the file. */
  async #carryOut(step: Step, stage: StagePlan, number: number, tree: Tree): Promise<StepResult> {
    try {
      return await this.#options.carryOut(step, stage, number, tree, this.#op);
    } catch (error) {
      if (this.#op.signal.aborted || !(error instanceof DhowError)) throw error;
      throw new StepFailed(error, step);
    }
  }

  async #base({ base }: StagePlan): Promise<StageResult> {
    if (base.from === "stage") return await this.#stage(base.stage);
    if (base.from !== "image") return { tree: [], root: null, rowTimes: [] };
    const root = this.#options.image(base);
    return { tree: root.layers, root, rowTimes: [] };
  }
}
