/** From a Dockerfile that has been read to a plan. */
import { notImplemented } from "../../../lib/errors.ts";
import { readStages, readTrigger, type StageFile } from "../instructions/stages.ts";
import { Linter, type LintWarning } from "../lint/linter.ts";
import { readLintOptions } from "../lint/options.ts";
import { isOwnFrontend, syntaxOf } from "../syntax/directives.ts";
import { type ParsedFile, parseFile } from "../syntax/parse.ts";
import { DockerfileError, located, relocated } from "../text/dockerfile-error.ts";
import { WorkBudget } from "../text/limits.ts";
import { lineRange } from "../text/source.ts";
import { type GlobalArgs, globalArgsOf } from "./args.ts";
import { Bases, type FoundBase } from "./bases.ts";
import { type Frontend, isPredefined, platformArgs, readFrontend } from "./build-args.ts";
import { contextPathsOf } from "./context-paths.ts";
import { checkDefaultBases, stageNodes } from "./from.ts";
import { neededBy, refuseCircles, StageNames, type StageNode, type Supplier } from "./graph.ts";
import type { PlanOptions } from "./options.ts";
import { outlineOf } from "./outline.ts";
import type { BuildPlan, ImageConfiguration, Input, StagePlan } from "./plan.ts";
import { planSteps } from "./stage-plan.ts";
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
  return new Planner(file, readStages(file, linter), { options, linter }).plan();
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
  readonly #globals: GlobalArgs;
  readonly #frontend: Frontend;
  readonly #nodes: readonly StageNode[];
  readonly #names: StageNames;
  readonly #bases: Bases;
  readonly #found = new Map<StageNode, FoundBase>();
  readonly #inputs = new Map<Supplier, Input>();
  readonly #states = new Map<StageNode, StageState>();
  readonly #triggered = new Set<StageNode>();

  constructor(file: ParsedFile, stageFile: StageFile, { options, linter }: { options: PlanOptions; linter: Linter }) {
    this.#stageFile = stageFile;
    this.#options = options;
    this.#context = { escapeCharacter: file.escapeCharacter, budget: new WorkBudget(), linter };
    this.#globals = this.#globalArgs();
    const epoch = options.buildArgs.get("SOURCE_DATE_EPOCH") ?? this.#globals.values.get("SOURCE_DATE_EPOCH");
    this.#frontend = located([], null, () => readFrontend(options.buildArgs, epoch));
    this.#nodes = stageNodes(stageFile.stages, {
      globals: this.#globals,
      ...this.#context,
      isNamedContext: (name) => options.namedContexts.has(name),
    });
    this.#names = new StageNames(this.#nodes);
    this.#bases = new Bases(options, linter, this.#names.all);
  }

  async plan(): Promise<BuildPlan> {
    const { linter } = this.#context;
    const target = located([], null, () => this.#names.target(this.#options.target));
    for (const node of this.#nodes) {
      node.parts = node.stage.instructions.map((instruction) =>
        located([instruction.statement.range], null, () => this.#names.part(instruction, false, this.#context)),
      );
    }
    refuseCircles(this.#nodes);
    for (const node of this.#nodes) this.#bases.check(node);
    const needed = await this.#findNeeded(target);
    const planned = this.#nodes
      .filter((node) => needed.has(node))
      .map((node) => {
        const state = this.#stateOf(node);
        const plan = this.#planStage(node, state);
        return { node, state, plan: node === target ? this.#finished(plan, node) : plan };
      });
    located([], null, () => linter.refuseIfAsked());
    const stages = planned.map(({ plan }) => plan);
    return {
      stages,
      target: planned.find(({ node }) => node === target)!.plan,
      warnings: linter.warnings,
      contextPaths: contextPathsOf(stages),
      unusedBuildArgs: this.#unusedArgs(),
      outline: outlineOf(target, planned, this.#globals),
      frontend: this.#frontend,
    };
  }

  #globalArgs(): GlobalArgs {
    const { buildArgs, buildPlatform, targetPlatform, target } = this.#options;
    const { globalArgs, stages } = this.#stageFile;
    const stageName = target ?? stages.at(-1)?.from.stage ?? "default";
    const predefined = platformArgs(buildPlatform, targetPlatform ?? buildPlatform, stageName);
    try {
      const defaults = globalArgsOf(globalArgs, { ...this.#context, predefined, given: new Map() });
      checkDefaultBases(stages, defaults, this.#context);
    } catch (error) {
      // What fails without the command line's arguments may be right with them.
      if (!(error instanceof DockerfileError)) throw error;
    }
    return globalArgsOf(globalArgs, { ...this.#context, predefined, given: buildArgs });
  }

  /** Resolves what is needed; a base's triggers may need more, so it goes on until nothing new turns up. */
  async #findNeeded(target: StageNode): Promise<ReadonlySet<StageNode>> {
    for (;;) {
      const needed = this.#options.allStages ? new Set(this.#nodes) : neededBy(target);
      const suppliers = [...needed].flatMap(({ parts }) => parts.flatMap(({ suppliers }) => suppliers));
      const others = new Set(
        suppliers.filter((each) => each?.kind === "other").filter((each) => !this.#inputs.has(each)),
      );
      const onImages = [...needed].filter((node) => isOnImage(node) && !this.#found.has(node));
      await Promise.all([
        ...onImages.map(async (node) => this.#found.set(node, await this.#bases.ofStage(node))),
        ...[...others].map(async (other) => this.#inputs.set(other, await this.#bases.ofSupplier(other))),
      ]);
      if (![...needed].map((node) => this.#addTriggers(node)).includes(true)) return needed;
      refuseCircles(this.#nodes);
    }
  }

  /** Puts the triggers of a stage's base in front of its instructions, once; true when one takes files from elsewhere. */
  #addTriggers(node: StageNode): boolean {
    if (this.#triggered.has(node) || node.replacement !== null) return false;
    this.#triggered.add(node);
    const { from } = node.stage;
    const parts = relocated([from.statement.range], () =>
      this.#triggersFor(node).map((text) => {
        const trigger = readTrigger(parseFile(Buffer.from(text), "ONBUILD"), from);
        return this.#names.part(trigger, true, this.#context);
      }),
    );
    node.parts = [...parts, ...node.parts];
    return parts.some(({ suppliers }) => suppliers.some((supplier) => supplier !== null));
  }

  /** The base's ONBUILD, of the stage before or of an image. */
  #triggersFor(node: StageNode): readonly string[] {
    const { baseStage } = node;
    if (baseStage !== null && baseStage.replacement === null) {
      return baseStage.stage.instructions.flatMap((each) => (each.kind === "onbuild" ? [each.expression] : []));
    }
    return this.#found.get(baseStage ?? node)?.image?.settings.OnBuild ?? [];
  }

  #planStage(node: StageNode, state: StageState): StagePlan {
    const { stage, name } = node;
    const { isMultiPlatform, buildArgs, ignore } = this.#options;
    const found = this.#found.get(node);
    const parts = node.replacement === null ? node.parts : [];
    const hasImage = found !== undefined && found.input.from !== "scratch";
    const platforms = isMultiPlatform ? { own: state.platform, target: this.#bases.targetPlatform } : null;
    const base: Input = found?.input ?? { from: "stage", stage: node.baseStage!.stage.index };
    const from = `FROM ${base.from === "image" ? base.reference : node.base}`;
    const steps = planSteps(parts, state, {
      globals: this.#globals,
      buildArgs,
      stageName: name,
      cacheNamespace: this.#frontend.cacheNamespace,
      hostname: this.#frontend.hostname,
      ignore,
      inputOf: (supplier) => this.#inputs.get(supplier)!,
      isPlanned: (other) => this.#states.has(other),
    });
    this.#states.set(node, state);
    const total = (hasImage ? 1 : 0) + steps.filter(({ work }) => work !== null).length;
    const labels = new StepLabels(total, this.#stageFile.stages.length === 1 ? "" : name, platforms);
    const label = hasImage ? labels.next(from) : from;
    const { range } = stage.from.statement;
    const image = imageOf(state);
    return {
      index: stage.index,
      name,
      label,
      range,
      platform: state.platform,
      base,
      steps: steps.map((step) =>
        step.work === null ? step : { ...step, label: labels.next(step.label, step.isTrigger) },
      ),
      image,
      ignoresCache: this.#ignoresCache(node),
    };
  }

  #stateOf(node: StageNode): StageState {
    const found = this.#found.get(node);
    if (found) return StageState.onImage(this.#context, found.platform, found.image);
    const state = this.#states.get(node.baseStage!);
    if (state === undefined) throw new Error(`stage ${node.name} is planned before its base`);
    return StageState.onStage(state);
  }

  #ignoresCache({ stage, name }: StageNode): boolean {
    const { noCache } = this.#options;
    if (typeof noCache === "boolean") return noCache;
    return noCache.has(stage.from.stage ?? name) || noCache.has(String(stage.index));
  }

  /** The image of the target is for the platform that was asked for, and has the labels of the command line. */
  #finished(plan: StagePlan, node: StageNode): StagePlan {
    const { targetPlatform, labels } = this.#options;
    const { image } = plan;
    const settings = { ...image.settings, Labels: { ...image.settings.Labels, ...Object.fromEntries(labels) } };
    const platform = targetPlatform ?? this.#found.get(rootOf(node))?.image?.platform ?? plan.platform;
    return { ...plan, image: { ...image, ...platform, settings } };
  }

  #unusedArgs(): readonly string[] {
    const declared = new Set(this.#globals.declared.keys());
    for (const { instruction } of this.#nodes.flatMap(({ parts }) => parts)) {
      if (instruction.kind === "arg") for (const { name } of instruction.args) declared.add(name);
    }
    return [...this.#options.buildArgs.keys()].filter((name) => !declared.has(name) && !isPredefined(name));
  }
}

const isOnImage = (node: StageNode): boolean => node.baseStage === null || node.replacement !== null;

function rootOf(node: StageNode): StageNode {
  let root = node;
  while (root.baseStage !== null && root.replacement === null) root = root.baseStage;
  return root;
}

function imageOf({ author, settings, history, platform }: StageState): ImageConfiguration {
  return { ...platform, author, settings, history: [...history] };
}
