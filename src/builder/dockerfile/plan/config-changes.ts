/** The Dockerfile instructions that `import --change` and `commit --change` take, carried out on a configuration. */
import type { ContainerConfig } from "../../../api/containers.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { hostPlatform } from "../../../lib/platform.ts";
import type { From } from "../instructions/from.ts";
import { type Instruction, readInstruction } from "../instructions/instruction.ts";
import { Linter } from "../lint/linter.ts";
import { readLintOptions } from "../lint/options.ts";
import { parseFile } from "../syntax/parse.ts";
import { WorkBudget } from "../text/limits.ts";
import { workdirAfter } from "./paths.ts";
import type { ImageSettings } from "./plan.ts";
import {
  applyCmd,
  applyEntrypoint,
  applyEnv,
  applyExpose,
  applyHealthcheck,
  applyLabel,
  applyStopSignal,
  applyUser,
  applyVolume,
} from "./settings.ts";
import { StageState } from "./stage-state.ts";

const allowed = "CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR".split(" ");

/** Answers `config` after the instructions; throws `invalidArgument` for one that does not belong here. */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return structuredClone(config);
  const { statements, escapeCharacter } = parseFile(Buffer.from(changes.join("\n")), "changes");
  for (const { keyword } of statements) {
    if (!allowed.includes(keyword.text.toUpperCase()))
      throw invalidArgument(`${keyword.text} is not a valid change command`);
  }
  const context = { escapeCharacter, budget: new WorkBudget(), linter: new Linter(readLintOptions("skip=all")) };
  const { Env, OnBuild, Cmd, Entrypoint, Labels } = config;
  const before: ImageSettings = {
    ...config,
    ...{
      Env: Env ?? [],
      OnBuild: OnBuild ?? [],
      Cmd: Cmd ?? null,
      Entrypoint: Entrypoint ?? null,
      Labels: Labels ?? {},
    },
  };
  const stage = StageState.onSettings(context, hostPlatform(), before);
  for (const statement of statements) apply(stage, readInstruction(statement));
  const changed = Object.entries(stage.settings).filter(
    ([name, value]) => before[name as keyof ImageSettings] !== value,
  );
  // That a command is a list is so for every image of Linux, and said of those that are built only.
  return { ...structuredClone(config), ...Object.fromEntries(changed), ArgsEscaped: config.ArgsEscaped };
}

function apply(stage: StageState, instruction: Instruction | From): void {
  switch (instruction.kind) {
    case "cmd":
      applyCmd(stage, instruction);
      return;
    case "entrypoint":
      applyEntrypoint(stage, instruction);
      return;
    case "env":
      applyEnv(stage, instruction);
      return;
    case "expose":
      applyExpose(stage, instruction);
      return;
    case "healthcheck":
      applyHealthcheck(stage, instruction);
      return;
    case "label":
      applyLabel(stage, instruction);
      return;
    case "stopsignal":
      applyStopSignal(stage, instruction);
      return;
    case "user":
      applyUser(stage, instruction);
      return;
    case "volume":
      applyVolume(stage, instruction);
      return;
    case "onbuild":
      stage.settings = { ...stage.settings, OnBuild: [...stage.settings.OnBuild, instruction.expression] };
      return;
    case "workdir": {
      const path = stage.expand(instruction.text, instruction.statement);
      stage.settings = { ...stage.settings, WorkingDir: workdirAfter(stage.settings.WorkingDir, path) };
    }
  }
}
