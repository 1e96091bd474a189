/** One stage's instructions carried out, in order. */

import { trimSpace } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { IgnoreMatcher } from "../../../lib/ignore/ignore.ts";
import { withoutCredentials } from "../../../lib/url-credentials.ts";
import type { Text } from "../instructions/settings.ts";
import { nameOf } from "../syntax/statement.ts";
import { located, relocated } from "../text/dockerfile-error.ts";
import { applyArg, type StageArgs } from "./args.ts";
import { copyWork } from "./copy.ts";
import type { Part, StageNode, Supplier } from "./graph.ts";
import { insideRoot, withoutSlash, workdirAfter } from "./paths.ts";
import type { ImageSettings, Input, Step, Work } from "./plan.ts";
import { runWork } from "./run.ts";
import { runMounts } from "./run-mounts.ts";
import {
  applyCmd,
  applyEntrypoint,
  applyEnv,
  applyExpose,
  applyHealthcheck,
  applyLabel,
  applyMaintainer,
  applyShell,
  applyStopSignal,
  applyUser,
  applyVolume,
} from "./settings.ts";
import type { StageState } from "./stage-state.ts";
import { instructionText } from "./step-label.ts";

/** What the instructions of a stage are carried out with. */
export interface Surroundings extends StageArgs {
  readonly stageName: string;
  readonly cacheNamespace: string;
  /** Of RUN; null is the builder's own choice. */
  readonly hostname: string | null;
  readonly ignore: IgnoreMatcher | null;
  /** What has been found for those who are no stages. */
  readonly inputOf: (supplier: Exclude<Supplier, StageNode>) => Input;
  /** Stages that have been planned. */
  readonly isPlanned: (node: StageNode) => boolean;
}

/** What an instruction came to: its work, if any, and its row in the history. */
interface Outcome {
  readonly work: Work | null;
  readonly history: string | null;
}

/** Carries out a stage's instructions on its state; their labels have no numbers yet. Throws DockerfileError. */
export function planSteps(parts: readonly Part[], stage: StageState, around: Surroundings): Step[] {
  return parts.map((part) => {
    const { instruction, isTrigger } = part;
    const { statement } = instruction;
    const before = stage.settings;
    const act = (): Outcome => carryOut(stage, part, around);
    const outcome = isTrigger ? relocated([statement.range], act) : located([statement.range], null, act);
    const text =
      outcome.work === null ? trimSpace(statement.text) : instructionText(instruction, stage.variables, stage.context);
    return {
      instruction: nameOf(statement),
      label: withoutCredentials(text),
      range: statement.range,
      isTrigger,
      work: outcome.work,
      change: changed(before, stage.settings),
      history: addRow(stage, outcome),
    };
  });
}

function addRow(stage: StageState, { history, work }: Outcome): Step["history"] {
  if (history === null) return null;
  const row = {
    created_by: withoutCredentials(history),
    comment: "buildkit.dockerfile.v0",
    empty_layer: work === null,
  };
  stage.history.push(row);
  return row;
}

function changed(before: ImageSettings, after: ImageSettings): Partial<ImageSettings> {
  return Object.fromEntries(
    Object.entries(after).filter(([key, value]) => before[key as keyof ImageSettings] !== value),
  ) as Partial<ImageSettings>;
}

const setting = (history: string): Outcome => ({ work: null, history });

function carryOut(stage: StageState, part: Part, around: Surroundings): Outcome {
  const { instruction } = part;
  switch (instruction.kind) {
    case "arg":
      return setting(applyArg(stage, instruction, around));
    case "cmd":
      return setting(applyCmd(stage, instruction));
    case "entrypoint":
      return setting(applyEntrypoint(stage, instruction));
    case "env":
      return setting(applyEnv(stage, instruction));
    case "expose":
      return setting(applyExpose(stage, instruction));
    case "healthcheck":
      return setting(applyHealthcheck(stage, instruction));
    case "label":
      return setting(applyLabel(stage, instruction));
    case "maintainer":
      return setting(applyMaintainer(stage, instruction));
    case "shell":
      return setting(applyShell(stage, instruction));
    case "stopsignal":
      return setting(applyStopSignal(stage, instruction));
    case "user":
      return setting(applyUser(stage, instruction));
    case "volume":
      return setting(applyVolume(stage, instruction));
    case "onbuild":
      stage.settings = { ...stage.settings, OnBuild: [...stage.settings.OnBuild, instruction.expression] };
      return { work: null, history: null };
    case "workdir":
      return applyWorkdir(stage, instruction);
    case "run": {
      const { cacheNamespace } = around;
      const mountInput = (index: number, target: string): Input | null =>
        inputOf(part.suppliers[index] ?? null, around, ({ name }) => {
          const words = printf("from stage %q to %q", [name, target]);
          return `cannot mount ${words}, stage needs to be defined before current command`;
        });
      const mounts = runMounts(stage, instruction, { inputOf: mountInput, cacheNamespace });
      return runWork(stage, instruction, { mounts, hostname: around.hostname });
    }
    case "add":
    case "copy": {
      const input = inputOf(part.suppliers[0] ?? null, around, ({ name }) =>
        printf("cannot copy from stage %q, it needs to be defined before current stage %q", [name, around.stageName]),
      );
      return copyWork(stage, instruction, { input: input ?? { from: "context" }, ignore: around.ignore });
    }
  }
}

function applyWorkdir(stage: StageState, { text, statement }: Text<"workdir">): Outcome {
  const path = stage.expand(text, statement);
  if (!stage.hasWorkdir && !path.startsWith("/")) {
    stage.context.linter.report("WorkdirRelativePath", statement.range, path);
  }
  stage.hasWorkdir = true;
  const WorkingDir = workdirAfter(stage.settings.WorkingDir, path);
  stage.settings = { ...stage.settings, WorkingDir };
  const clean = withoutSlash(insideRoot(WorkingDir));
  const owner = stage.settings.User || null;
  return { work: clean === "/" ? null : { kind: "directory", path: clean, owner }, history: `WORKDIR ${WorkingDir}` };
}

/** What a part takes files from; a stage has to stand before the one that takes from it, else `tooEarly` says so. */
function inputOf(
  supplier: Supplier | null,
  around: Surroundings,
  tooEarly: (supplier: StageNode) => string,
): Input | null {
  if (supplier === null) return null;
  if (supplier.kind === "other") return around.inputOf(supplier);
  if (!around.isPlanned(supplier)) throw invalidArgument(tooEarly(supplier));
  return { from: "stage", stage: supplier.stage.index };
}
