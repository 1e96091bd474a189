/** Statements to typed instructions. */
import { invalidArgument } from "../../../lib/errors.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import { instructionNames, nameOf, type Statement } from "../syntax/statement.ts";
import { type Arg, readArg } from "./arg.ts";
import { type Command, readCommandOf } from "./command-line.ts";
import { type Add, type Copy, readAdd, readCopy } from "./copy.ts";
import { type From, readFrom } from "./from.ts";
import { type Healthcheck, readHealthcheck } from "./healthcheck.ts";
import { type Onbuild, readOnbuild } from "./onbuild.ts";
import { type Run, readRun } from "./run.ts";
import {
  type Expose,
  type Pairs,
  readExpose,
  readPairsOf,
  readShell,
  readTextOf,
  readVolume,
  type Shell,
  type Text,
  type Volume,
} from "./settings.ts";

/** What may stand in a stage. */
export type Instruction =
  | Add
  | Arg
  | Command<"cmd">
  | Command<"entrypoint">
  | Copy
  | Expose
  | Healthcheck
  | Onbuild
  | Pairs<"env">
  | Pairs<"label">
  | Run
  | Shell
  | Text<"maintainer">
  | Text<"stopsignal">
  | Text<"user">
  | Text<"workdir">
  | Volume;

const readers: Record<string, (statement: Statement) => Instruction | From> = {
  ADD: readAdd,
  ARG: readArg,
  CMD: (statement) => readCommandOf("cmd", statement),
  COPY: readCopy,
  ENTRYPOINT: (statement) => readCommandOf("entrypoint", statement),
  ENV: (statement) => readPairsOf("env", statement),
  EXPOSE: readExpose,
  FROM: readFrom,
  HEALTHCHECK: readHealthcheck,
  LABEL: (statement) => readPairsOf("label", statement),
  MAINTAINER: (statement) => readTextOf("maintainer", statement),
  ONBUILD: readOnbuild,
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: (statement) => readTextOf("stopsignal", statement),
  USER: (statement) => readTextOf("user", statement),
  VOLUME: readVolume,
  WORKDIR: (statement) => readTextOf("workdir", statement),
};

/** Reads one statement; throws `invalidArgument` in BuildKit's words. */
export function readInstruction(statement: Statement): Instruction | From {
  const read = readers[nameOf(statement)];
  if (read !== undefined) return read(statement);
  const { text } = statement.keyword;
  // What is meant is shown in capitals to those who write so.
  const isUpper = text === text.toUpperCase();
  const names = isUpper ? instructionNames : instructionNames.map((name) => name.toLowerCase());
  throw invalidArgument(`unknown instruction: ${text}${didYouMean(isUpper ? text : text.toLowerCase(), names)}`);
}
