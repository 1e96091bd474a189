/** A file's statements as stages of typed instructions. */
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import type { Linter } from "../lint/linter.ts";
import type { ParsedFile } from "../syntax/parse.ts";
import { nameOf, type Statement } from "../syntax/statement.ts";
import { DockerfileError, located } from "../text/dockerfile-error.ts";
import { maxStages } from "../text/limits.ts";
import type { Arg } from "./arg.ts";
import { checkCasing } from "./casing-check.ts";
import type { From } from "./from.ts";
import { type Instruction, readInstruction } from "./instruction.ts";
import { checkDescription, checkFrom, checkStageNames } from "./stage-checks.ts";

/** One stage as it is written. */
export interface Stage {
  /** Its place in the file, from 0. */
  readonly index: number;
  readonly from: From;
  readonly instructions: readonly Instruction[];
}

export interface StageFile {
  /** The ARGs before the first FROM. */
  readonly globalArgs: readonly Arg[];
  readonly stages: readonly Stage[];
}

/** Reads all instructions; throws DockerfileError, and tells `linter` what it comes upon. */
export function readStages(file: ParsedFile, linter: Linter): StageFile {
  for (const range of file.emptyContinuations) linter.report("NoEmptyContinuation", range);
  const globalArgs: Arg[] = [];
  const stages: { index: number; from: From; instructions: Instruction[] }[] = [];
  for (const statement of file.statements) {
    const instruction = readChecked(statement, linter);
    const stage = stages.at(-1);
    if (instruction.kind === "from") {
      if (stages.length >= maxStages) {
        throw new DockerfileError(`the Dockerfile has more than ${maxStages} stages`, [statement.range]);
      }
      stages.push({ index: stages.length, from: instruction, instructions: [] });
    } else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === "arg") globalArgs.push(instruction);
    else {
      throw new DockerfileError("no build stage in current context", [statement.range], statement.keyword.range);
    }
  }
  if (stages.length === 0) throw new DockerfileError("dockerfile contains no stages to build", []);
  checkStageNames(stages, linter);
  checkCasing(stages, linter);
  return { globalArgs, stages };
}

function readChecked(statement: Statement, linter: Linter): Instruction | From {
  const { range, keyword } = statement;
  if (nameOf(statement) === "MAINTAINER") linter.report("MaintainerDeprecated", range);
  if (nameOf(statement) === "FROM") checkFrom(statement, linter);
  try {
    const instruction = located([range], keyword.range, () => readInstruction(statement));
    checkDescription(instruction, linter);
    return instruction;
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    const message = `dockerfile parse error on line ${range.start.line}: ${messageOf(error)}`;
    throw new DockerfileError(message, error.ranges, error.caret, { cause: error });
  }
}

/**
 * Reads an ONBUILD trigger of a base image, which stands for the FROM that takes the image: that is where its mistakes are
 * told of. Throws `invalidArgument`.
 */
export function readTrigger(file: ParsedFile, from: From): Instruction {
  const [statement, ...others] = file.statements;
  if (statement === undefined || others.length > 0) {
    throw invalidArgument("onbuild trigger should be a single expression");
  }
  const instruction = readInstruction({ ...statement, range: from.statement.range });
  if (instruction.kind === "from") throw invalidArgument("FROM isn't allowed as an ONBUILD trigger");
  return instruction;
}
