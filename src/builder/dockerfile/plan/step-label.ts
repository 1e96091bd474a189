import { trimSpace } from "../../../lib/characters.ts";
import { formatPlatform, type Platform } from "../../../lib/platform.ts";
import { type Escape, tryExpand } from "../expansion/expand.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { WorkBudget } from "../text/limits.ts";
import { runSummary } from "./run.ts";

const longestLabel = 2_000;

/** Numbers the steps of one stage for those who watch: `[linux/arm64 build 2/5] RUN make`. */
export class StepLabels {
  readonly #total: number;
  readonly #prefix: string;
  #count = 0;

  /** `stage` is "" where a file has but one; `platforms` are shown where several are built for. */
  constructor(total: number, stage: string, platforms: { readonly own: Platform; readonly target: Platform } | null) {
    this.#total = total;
    const platform = platforms === null ? "" : `${platformWords(platforms.own, platforms.target)} `;
    this.#prefix = `${platform}${stage === "" ? "" : `${stage} `}`;
  }

  next(text: string, isTrigger = false): string {
    this.#count++;
    const number = String(this.#count).padStart(String(this.#total).length);
    const cut = text.length > longestLabel ? `${text.slice(0, longestLabel)}…` : text;
    return `[${this.#prefix}${number}/${this.#total}] ${isTrigger ? "ONBUILD " : ""}${cut}`;
  }
}

function platformWords(own: Platform, target: Platform): string {
  if (own.os !== target.os) return `${formatPlatform(own)}->${formatPlatform(target)}`;
  if (own.architecture === target.architecture) return formatPlatform(own);
  return `${formatPlatform(own)}->${target.architecture}${target.variant ? `/${target.variant}` : ""}`;
}

/** An instruction's text with the variables that are known; RUN keeps its quotes, and what its shell is to put in. */
export function instructionText(
  instruction: Instruction,
  variables: ReadonlyMap<string, string>,
  reading: { readonly escapeCharacter: Escape; readonly budget: WorkBudget },
): string {
  const isRun = instruction.kind === "run";
  const text = isRun ? runSummary(instruction) : trimSpace(instruction.statement.text);
  const secrets = isRun ? secretVariables(instruction.mounts) : [];
  const masked = secrets.length > 0 ? new Map([...variables, ...secrets]) : variables;
  const result = tryExpand(text, { variables: masked, ...reading, keepQuotes: isRun, keepUnset: isRun });
  const shown = "error" in result ? text : result.text;
  const end = /\s/.exec(shown)?.index ?? shown.length;
  return shown.slice(0, end).toUpperCase() + shown.slice(end);
}

/** Variables that hold secrets, which nobody is shown. */
function secretVariables(mounts: readonly string[]): [string, string][] {
  return mounts.flatMap((mount): [string, string][] => {
    const env = /(?:^|,)env=([^,]*)/i.exec(mount)?.[1];
    return env !== undefined && /(?:^|,)type=secret(?:,|$)/i.test(mount) ? [[env, "****"]] : [];
  });
}
