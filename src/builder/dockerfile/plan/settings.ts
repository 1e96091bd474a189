/** Instructions that change an image's configuration, carried out. Each answers the text of its row in the history. */
import { formatDuration } from "../../../lib/duration.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { parseSignal } from "../../../lib/signals.ts";
import type { Command, CommandLine } from "../instructions/command-line.ts";
import type { Healthcheck } from "../instructions/healthcheck.ts";
import { type Expose, noVolume, type Pairs, type Shell, type Text, type Volume } from "../instructions/settings.ts";
import { isSecretName } from "../lint/secret-names.ts";
import { placeOf, type Statement } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import type { ImageSettings } from "./plan.ts";
import { type PortRemarks, readPorts } from "./ports.ts";
import type { StageState } from "./stage-state.ts";

const list = (words: readonly string[]): string => `[${words.join(" ")}]`;

function change(stage: StageState, settings: Partial<ImageSettings>): void {
  stage.settings = { ...stage.settings, ...settings };
}

/** All pairs are expanded before any is set: they see the values from before. */
function expandedPairs(stage: StageState, { kind, statement, pairs }: Pairs<"env" | "label">): [string, string][] {
  const { linter } = stage.context;
  const expanded = pairs.map(({ key, value }): [string, string] => [
    stage.expand(key, statement),
    stage.expand(value, statement),
  ]);
  for (const [index, [key]] of expanded.entries()) {
    if (pairs[index]?.isOldForm) linter.report("LegacyKeyValueFormat", statement.range, statement.keyword.text);
    if (kind === "env" && isSecretName(key)) linter.report("SecretsUsedInArgOrEnv", statement.range, "ENV", key);
  }
  return expanded;
}

export function applyEnv(stage: StageState, instruction: Pairs<"env">): string {
  const pairs = expandedPairs(stage, instruction);
  for (const [name, value] of pairs) stage.setEnv(name, value);
  return `ENV ${pairs.map(([name, value]) => `${name}=${value}`).join(" ")}`;
}

export function applyLabel(stage: StageState, instruction: Pairs<"label">): string {
  const pairs = expandedPairs(stage, instruction);
  stage.context.budget.spend(Object.keys(stage.settings.Labels).length * 16);
  change(stage, { Labels: { ...stage.settings.Labels, ...Object.fromEntries(pairs) } });
  return `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(" ")}`;
}

export function applyMaintainer(stage: StageState, { text }: Text<"maintainer">): string {
  stage.author = text;
  return `MAINTAINER ${text}`;
}

export function applyUser(stage: StageState, { text, statement }: Text<"user">): string {
  const User = stage.expand(text, statement);
  change(stage, { User });
  return `USER ${User}`;
}

export function applyStopSignal(stage: StageState, { text, statement }: Text<"stopsignal">): string {
  const StopSignal = stage.expand(text, statement);
  located(
    [statement.range],
    () => placeOf(statement, text),
    () => parseSignal(StopSignal),
  );
  change(stage, { StopSignal });
  return `STOPSIGNAL ${StopSignal}`;
}

export function applyVolume(stage: StageState, { paths, statement }: Volume): string {
  const expanded = paths.map((path) => stage.expand(path, statement));
  if (expanded.includes("")) throw noVolume();
  stage.context.budget.spend(Object.keys(stage.settings.Volumes ?? {}).length * 16);
  change(stage, { Volumes: { ...stage.settings.Volumes, ...setOf(expanded) } });
  return `VOLUME ${list(expanded)}`;
}

export function applyExpose(stage: StageState, { ports, statement }: Expose): string {
  const { range } = statement;
  const { linter } = stage.context;
  const warn = (word: string, { hasHostPart, hasOddCasing }: PortRemarks): void => {
    if (hasHostPart) linter.report("ExposeInvalidFormat", range, word);
    if (hasOddCasing) linter.report("ExposeProtoCasing", range, word);
  };
  const all = ports.flatMap((port) =>
    stage.expandWords(port, statement).flatMap((word) =>
      located(
        [range],
        () => placeOf(statement, port),
        () => readPorts(word, (remarks) => warn(word, remarks)),
      ),
    ),
  );
  const known = stage.settings.ExposedPorts ?? {};
  const added = all.filter((port) => !Object.hasOwn(known, port));
  stage.context.budget.spend(all.length * 16 + (added.length > 0 ? Object.keys(known).length * 16 : 0));
  if (added.length > 0) change(stage, { ExposedPorts: { ...known, ...setOf(added) } });
  return `EXPOSE ${list(all)}`;
}

const nothing: Record<string, never> = Object.freeze({});

function setOf(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, nothing]));
}

export function applyShell(stage: StageState, { words }: Shell): string {
  change(stage, { Shell: [...words] });
  return `SHELL ${list(words)}`;
}

/** A command line with the shell in front of it where it is for one. */
export function withShell(stage: StageState, { words, isShell }: CommandLine): readonly string[] {
  if (!isShell) return words;
  const { Shell } = stage.settings;
  return [...(Shell?.length ? Shell : ["/bin/sh", "-c"]), words.join(" ")];
}

function checkCommand(stage: StageState, { kind, statement, command }: Command<"cmd" | "entrypoint">): void {
  checkOnce(stage, kind, statement);
  if (command.isShell && !stage.settings.Shell?.length) {
    stage.context.linter.report("JSONArgsRecommended", statement.range, statement.keyword.text);
  }
}

/** The place that is told of is the earlier one: that is what goes unused. */
function checkOnce(stage: StageState, kind: "cmd" | "entrypoint" | "healthcheck", statement: Statement): void {
  const earlier = stage.seen.get(kind);
  if (earlier) stage.context.linter.report("MultipleInstructionsDisallowed", earlier, statement.keyword.text);
  stage.seen.set(kind, statement.range);
}

export function applyCmd(stage: StageState, instruction: Command<"cmd">): string {
  checkCommand(stage, instruction);
  const Cmd = withShell(stage, instruction.command);
  change(stage, { Cmd, ArgsEscaped: true });
  return `CMD ${printf("%q", [Cmd])}`;
}

/** A new entry point takes the old one's command along, but for one of this stage. */
export function applyEntrypoint(stage: StageState, instruction: Command<"entrypoint">): string {
  checkCommand(stage, instruction);
  const Entrypoint = withShell(stage, instruction.command);
  change(stage, { Entrypoint, Cmd: stage.seen.has("cmd") ? stage.settings.Cmd : null });
  return `ENTRYPOINT ${printf("%q", [Entrypoint])}`;
}

export function applyHealthcheck(stage: StageState, { check, statement }: Healthcheck): string {
  checkOnce(stage, "healthcheck", statement);
  const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = check;
  change(stage, { Healthcheck: { ...check, Test: [...Test], OnFailure: undefined } });
  const times = [Interval, Timeout, StartPeriod, StartInterval].map((time) => printf("%q", [formatDuration(time)]));
  return `HEALTHCHECK &{${[printf("%q", [Test]), ...times, printf("%q", [Retries])].join(" ")}}`;
}
