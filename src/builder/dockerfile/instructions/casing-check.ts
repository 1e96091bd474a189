import type { Linter } from "../lint/linter.ts";
import type { Stage } from "./stages.ts";

const isLower = (text: string): boolean => text === text.toLowerCase();
const isUpper = (text: string): boolean => text === text.toUpperCase();

/** Reports each keyword that is not written as most of the file's stages are; capitals win a draw. */
export function checkCasing(stages: readonly Stage[], linter: Linter): void {
  const statements = stages.flatMap(({ from, instructions }) => [
    from.statement,
    ...instructions.map(({ statement }) => statement),
  ]);
  const lower = statements.filter(({ keyword }) => isLower(keyword.text)).length;
  const upper = statements.filter(({ keyword }) => isUpper(keyword.text)).length;
  const [isRight, casing] = lower > upper ? [isLower, "lowercase" as const] : [isUpper, "uppercase" as const];
  for (const { keyword, range } of statements) {
    if (!isRight(keyword.text)) linter.report("ConsistentInstructionCasing", range, keyword.text, casing);
  }
}
