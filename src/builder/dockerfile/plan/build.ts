/** From a Dockerfile that has been read to a plan. */
import { notImplemented } from "../../../lib/errors.ts";
import { readStages, readTrigger, type StageFile } from "../instructions/stages.ts";
import { Linter, type LintWarning } from "../lint/linter.ts";
import { readLintOptions } from "../lint/options.ts";
import { isOwnFrontend, syntaxOf } from "../syntax/directives.ts";
import { DockerfileError, located, relocated } from "../syntax/dockerfile-error.ts";
import { WorkBudget } from "../syntax/limits.ts";
import { type ParsedFile, parseFile } from "../syntax/parse.ts";
import { lineRange } from "../syntax/source.ts";
import { type GlobalArgs, globalArgsOf } from "./args.ts";
import { Bases, type FoundBase } from "./bases.ts";
import { type Frontend, isPredefined, platformArgs, readFrontend } from "./build-args.ts";
import { contextPathsOf } from "./context-paths.ts";
import { checkDefaultBases, stageNodes } from "./from.ts";
import { neededBy, refuseCircles, StageNames, type StageNode, type Supplier } from "./graph.ts";
import type { PlanOptions } from "./options.ts";
import { outlineOf } from "./outline.ts";
import type { BuildPlan, ImageConfiguration, Input, StagePlan } from "./plan.ts";
import { planSteps, type Surroundings } from "./stage-plan.ts";
import { type StageContext, StageState } from "./stage-state.ts";
import { StepLabels } from "./step-label.ts";

/**
 * Plans the build of a file for one platform. Rejects with DockerfileError, whose kind tells a wrong file
 * (`invalidArgument`) from an image that cannot be had.
 */
export async function planBuild(file: ParsedFile, options: PlanOptions): Promise<BuildPlan> {
  return plan(file, options, linterFor(file, options));
}

/** What `--check` answers: warnings, and the plan or what there is against it. */
export interface CheckResult {
  readonly warnings: readonly LintWarning[];
  readonly plan: BuildPlan | null;
  readonly error: DockerfileError | null;
}

/** As {@link planBuild}; an error of the file is part of the answer, with the warnings up to there. */
export async function checkBuild(file: ParsedFile, options: PlanOptions): Promise<CheckResult> {
  let warnings: readonly LintWarning[] = [];
  try {
    const linter = linterFor(file, options);
    warnings = linter.warnings;
    return { warnings, plan: await plan(file, options, linter), error: null };
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return { warnings, plan: null, error };
  }
}

async function plan(file: ParsedFile, options: PlanOptions, linter: Linter): Promise<BuildPlan> {
  refuseOtherFrontends(file, options);
  return new Planner(file, readStages(file, linter), options, linter).plan();
}

/** A linter that is told by `# check=`, or by the command line instead. */
function linterFor(file: ParsedFile, { buildArgs }: PlanOptions): Linter {
  const directive = file.directives.get("check");
  const given = buildArgs.get("BUILDKIT_DOCKERFILE_CHECK");
  const ranges = given === undefined && directive ? [directive.range] : [];
  const text = given ?? directive?.value.split(" ", 1)[0] ?? "";
  return new Linter(located(ranges, ranges[0] ?? null, () => readLintOptions(text)));
}

function refuseOtherFrontends(file: ParsedFile, { buildArgs }: PlanOptions): void {
  const directive = syntaxOf(file.source.lines);
  const given = buildArgs.get("BUILDKIT_SYNTAX");
  const wanted = given ?? directive?.value;
  if (!wanted || isOwnFrontend(wanted)) return;
  const line = directive?.range.start.line ?? 1;
  const { kind, message } = notImplemented(
    `the frontend ${wanted} cannot be run: this builder reads Dockerfiles itself`,
  );
  const ranges = given === undefined ? [lineRange(line, line)] : [];
  throw new DockerfileError(message, ranges, directive?.range ?? null, { kind });
}

class Planner {
  readonly #stageFile: StageFile;
  readonly #options: PlanOptions;
  readonly #context: StageContext;
  readonly #states = new Map<StageNode, StageState>();
  readonly #inputs = new Map<Supplier, Input>();
  readonly #bases = new Map<StageNode, FoundBase>();
  readonly #triggered = new Set<StageNode>();

  constructor(file: ParsedFile, stageFile: StageFile, options: PlanOptions, linter: Linter) {
    this.#stageFile = stageFile;
    this.#options = options;
    this.#context = { escapeCharacter: file.escapeCharacter, budget: new WorkBudget(), linter };
  }

  async plan(): Promise<BuildPlan> {
    const { linter } = this.#context;
    const { stages } = this.#stageFile;
    const globals = this.#globalArgs();
    const nodes = stageNodes(stages, {
      globals,
      ...this.#context,
      isNamedContext: (name) => this.#options.namedContexts.has(name),
    });
    const names = new StageNames(nodes);
    const target = located([], null, () => names.target(this.#options.target));
    for (const node of nodes) {
      node.parts = node.stage.instructions.map((instruction) =>
        located([instruction.statement.range], null, () => names.part(instruction, false, this.#context)),
      );
    }
    refuseCircles(nodes);
    const bases = new Bases(this.#options, linter, names.all);
    for (const node of nodes) bases.check(node);
    const needed = await this.#findNeeded(nodes, target, bases, names);
    const frontend = this.#frontend(globals);
    const planned = nodes.filter((node) => needed.has(node));
    const plans = planned.map((node) => this.#planStage(node, globals, frontend, bases));
    located([], null, () => linter.refuseIfAsked());
    const targetPlan = this.#finished(plans[planned.indexOf(target)]!, target);
    return {
      stages: plans.map((plan) => (plan.index === targetPlan.index ? targetPlan : plan)),
      target: targetPlan,
      warnings: linter.warnings,
      contextPaths: contextPathsOf(plans),
      unusedBuildArgs: this.#unusedArgs(nodes, globals),
      outline: outlineOf(
        target,
        planned.map((node) => ({ node, state: this.#states.get(node)!, plan: plans[planned.indexOf(node)]! })),
        globals,
      ),
      frontend,
    };
  }

  #globalArgs(): GlobalArgs {
    const { buildArgs, buildPlatform, targetPlatform, target } = this.#options;
    const { globalArgs, stages } = this.#stageFile;
    const stageName = target ?? stages.at(-1)?.from.stage ?? "default";
    const predefined = platformArgs(buildPlatform, targetPlatform ?? buildPlatform, stageName);
    try {
      const defaults = globalArgsOf(globalArgs, predefined, new Map(), this.#context);
      checkDefaultBases(stages, defaults, this.#context);
    } catch (error) {
      // What fails without the command line's arguments may be right with them.
      if (!(error instanceof DockerfileError)) throw error;
    }
    return globalArgsOf(globalArgs, predefined, buildArgs, this.#context);
  }

  #frontend(globals: GlobalArgs): Frontend {
    const { buildArgs } = this.#options;
    const epoch = buildArgs.get("SOURCE_DATE_EPOCH") ?? globals.values.get("SOURCE_DATE_EPOCH");
    return located([], null, () => readFrontend(buildArgs, epoch));
  }

  /** Resolves what is needed; a base's triggers may need more, so it goes on until nothing new turns up. */
  async #findNeeded(
    nodes: readonly StageNode[],
    target: StageNode,
    bases: Bases,
    names: StageNames,
  ): Promise<ReadonlySet<StageNode>> {
    for (;;) {
      const needed = this.#options.allStages ? new Set(nodes) : neededBy(target);
      const suppliers = [...needed].flatMap(({ parts }) => parts.flatMap(({ suppliers }) => suppliers));
      const others = new Set(
        suppliers.filter((each) => each?.kind === "other").filter((each) => !this.#inputs.has(each)),
      );
      const found = [...needed].filter((node) => isOnImage(node) && !this.#bases.has(node));
      await Promise.all([
        ...found.map(async (node) => this.#bases.set(node, await bases.ofStage(node))),
        ...[...others].map(async (other) => this.#inputs.set(other, await bases.ofSupplier(other))),
      ]);
      if (![...needed].map((node) => this.#addTriggers(node, names)).some((isNew) => isNew)) return needed;
      refuseCircles(nodes);
    }
  }

  /** Puts the triggers of a stage's base in front of its instructions, once; true when one takes files from elsewhere. */
  #addTriggers(node: StageNode, names: StageNames): boolean {
    if (this.#triggered.has(node) || node.replacement !== null) return false;
    this.#triggered.add(node);
    const own = node.baseStage?.stage.instructions.flatMap((each) =>
      each.kind === "onbuild" ? [each.expression] : [],
    );
    const expressions = own ?? this.#bases.get(node)?.image?.settings.OnBuild ?? [];
    const { from } = node.stage;
    const parts = relocated([from.statement.range], () =>
      expressions.map((text) => {
        const trigger = readTrigger(parseFile(Buffer.from(text), "ONBUILD"), from);
        return names.part(trigger, true, this.#context);
      }),
    );
    node.parts = [...parts, ...node.parts];
    return parts.some(({ suppliers }) => suppliers.some((supplier) => supplier !== null));
  }

  #planStage(node: StageNode, globals: GlobalArgs, frontend: Frontend, bases: Bases): StagePlan {
    const { stage, name } = node;
    const { isMultiPlatform, buildArgs, ignore } = this.#options;
    const found = this.#bases.get(node);
    const state = this.#stateOf(node, bases);
    const parts = node.replacement === null ? node.parts : [];
    const hasImage = found !== undefined && found.input.from !== "scratch";
    const total = (hasImage ? 1 : 0) + parts.filter(({ instruction }) => isWork(instruction.kind)).length;
    const platforms = isMultiPlatform ? { own: state.platform, target: bases.targetPlatform } : null;
    const labels = new StepLabels(total, this.#stageFile.stages.length === 1 ? "" : name, platforms);
    const base: Input = found?.input ?? { from: "stage", stage: node.baseStage!.stage.index };
    const label = hasImage
      ? labels.next(`FROM ${base.from === "image" ? base.reference : node.base}`)
      : `FROM ${node.base}`;
    const around: Surroundings = {
      globals,
      buildArgs,
      cacheNamespace: frontend.cacheNamespace,
      ignore,
      inputOf: (supplier) => this.#inputs.get(supplier)!,
      isPlanned: (other) => this.#states.has(other),
    };
    const steps = planSteps({ ...node, parts }, state, labels, around);
    this.#states.set(node, state);
    return {
      index: stage.index,
      name,
      label,
      range: stage.from.statement.range,
      platform: state.platform,
      base,
      steps,
      image: imageOf(state),
      ignoresCache: this.#ignoresCache(node),
    };
  }

  #stateOf(node: StageNode, bases: Bases): StageState {
    const found = this.#bases.get(node);
    if (found) return StageState.onImage(this.#context, found.platform, found.image);
    const state = this.#states.get(node.baseStage!);
    if (state === undefined)
      throw new Error(`stage ${node.name} is planned before its base, for ${bases.targetPlatform.os}`);
    return StageState.onStage(state);
  }

  #ignoresCache({ stage, name }: StageNode): boolean {
    const { noCache } = this.#options;
    return typeof noCache === "boolean" ? noCache : noCache.has(stage.from.stage ?? name);
  }

  /** The image of the target is for the platform that was asked for, and has the labels of the command line. */
  #finished(plan: StagePlan, node: StageNode): StagePlan {
    const { targetPlatform, labels } = this.#options;
    const { image } = plan;
    const settings = { ...image.settings, Labels: { ...image.settings.Labels, ...Object.fromEntries(labels) } };
    const platform = targetPlatform ?? this.#bases.get(rootOf(node))?.image?.platform ?? plan.platform;
    return { ...plan, image: { ...image, ...platform, settings } };
  }

  #unusedArgs(nodes: readonly StageNode[], globals: GlobalArgs): readonly string[] {
    const declared = new Set(globals.declared.keys());
    for (const { instruction } of nodes.flatMap(({ parts }) => parts)) {
      if (instruction.kind === "arg") for (const { name } of instruction.args) declared.add(name);
    }
    return [...this.#options.buildArgs.keys()].filter((name) => !declared.has(name) && !isPredefined(name));
  }
}

const isOnImage = (node: StageNode): boolean => node.baseStage === null || node.replacement !== null;
const isWork = (kind: string): boolean => ["add", "copy", "run", "workdir"].includes(kind);

function rootOf(node: StageNode): StageNode {
  let root = node;
  while (root.baseStage !== null && root.replacement === null) root = root.baseStage;
  return root;
}

function imageOf({ author, settings, history, platform }: StageState): ImageConfiguration {
  return { ...platform, author, settings, history: [...history] };
}
