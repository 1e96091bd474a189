/** RUN, carried out on a stage's state. */

import { trimSpace } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import type { Run } from "../instructions/run.ts";
import { heredocMarkOf, heredocText } from "../syntax/heredoc.ts";
import type { RunMount, RunWork } from "./plan.ts";
import { withShell } from "./settings.ts";
import type { StageState } from "./stage-state.ts";

/** What RUN runs, and the row that it leaves in the history. */
export function runWork(
  stage: StageState,
  run: Run,
  { mounts, hostname }: { readonly mounts: readonly RunMount[]; readonly hostname: string | null },
): { work: RunWork; history: string } {
  const { words, script } = commandOf(run);
  stage.context.budget.spend((stage.variables.size + stage.args.length) * 16);
  const args = withShell(stage, { ...run.command, words });
  const work: RunWork = {
    kind: "run",
    args,
    env: [...stage.variables].map(([name, value]) => `${name}=${value}`),
    directory: stage.settings.WorkingDir || "/",
    user: stage.settings.User,
    mounts: script === null ? mounts : [...mounts, script],
    network: run.network,
    security: run.security,
    devices: run.devices,
    platform: stage.platform,
    ...(hostname !== null && { hostname }),
  };
  return { work, history: `RUN ${[...argsForHistory(stage), ...args].join(" ")} # buildkit` };
}

/** `|2 A=1 B=x`: the ARGs that a command could see. */
function argsForHistory({ args, variables }: StageState): string[] {
  const values = new Map(args.map(({ name, value }) => [name, variables.get(name) ?? value ?? ""]));
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)];
}

/**
 * A command that is nothing but a heredoc runs the text: by its own interpreter where it begins with `#!`, else by the
 * shell, which so need not know heredocs. Any other command gets its heredocs back, for the shell to read.
 */
function commandOf({ command, heredocs }: Run): { words: readonly string[]; script: RunMount | null } {
  const [first] = heredocs;
  const [line, ...others] = command.words;
  if (first === undefined) return { words: command.words, script: null };
  if (line === undefined || others.length > 0 || !command.isShell) {
    throw invalidArgument(`parsing produced an invalid run command: [${command.words.join(" ")}]`);
  }
  if (heredocMarkOf(line) === null) {
    const documents = heredocs.map(({ name, text }) => `\n${text}${name}`);
    return { words: [line + documents.join("")], script: null };
  }
  const text = heredocText(first);
  if (!text.startsWith("#!")) return { words: [text], script: null };
  const target = `/dev/pipes/${first.name}`;
  return { words: [target], script: { type: "script", target, text } };
}

/** What progress shows of a RUN that is a heredoc: its first line. */
export function runSummary({ statement, command, heredocs }: Run): string {
  const [first] = heredocs;
  const text = trimSpace(statement.text);
  if (first === undefined || heredocMarkOf(command.words[0] ?? "") === null) return text;
  const [line = "", ...others] = trimSpace(first.text).split(/\r?\n/);
  return `${text} (${line}${others.length > 0 ? "..." : ""})`;
}
