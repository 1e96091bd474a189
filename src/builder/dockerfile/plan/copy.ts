/** COPY and ADD, carried out on a stage's state. */
import type { IgnoreMatcher } from "../../../lib/ignore/ignore.ts";
import type { Add, Copy } from "../instructions/copy.ts";
import { placeOf } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import type { Range } from "../text/source.ts";
import { copySources } from "./copy-sources.ts";
import { readFileMode } from "./file-mode.ts";
import { destinationIn } from "./paths.ts";
import type { CopySource, CopyWork, Input } from "./plan.ts";
import type { StageState } from "./stage-state.ts";

/** Where the files come from, and what of the context is left out. */
interface CopyContext {
  readonly input: Input;
  readonly ignore: IgnoreMatcher | null;
}

/** What is copied, and the row that it leaves in the history. */
export function copyWork(
  stage: StageState,
  instruction: Add | Copy,
  { input, ignore }: CopyContext,
): { work: CopyWork; history: string } {
  const { statement } = instruction;
  const expandIf = (text: string | null): string | null =>
    text === null ? null : stage.expand(text, statement) || null;
  const chown = expandIf(instruction.chown);
  const chmod = expandIf(instruction.chmod);
  const checksum = instruction.kind === "add" ? expandIf(instruction.checksum) : null;
  const sources = instruction.sources.map((source) => stage.expand(source, statement));
  const destination = stage.expand(instruction.destination, statement);
  const inline = instruction.inline.map(({ name, text, expands }): CopySource => {
    return { kind: "inline", name, text: expands ? stage.expandPlain(text, statement) : text };
  });
  const chmodPlace = (): Range | null => placeOf(statement, instruction.chmod ?? "");
  const mode = chmod === null ? null : located([statement.range], chmodPlace, () => readFileMode(chmod));
  const read = copySources(instruction, { sources, checksum }, input);
  if (input.from === "context") {
    for (const path of ignoredPaths(read, ignore)) {
      stage.context.linter.report(
        "CopyIgnoredFile",
        statement.range,
        instruction.kind === "add" ? "Add" : "Copy",
        path,
      );
    }
  }
  const work: CopyWork = {
    kind: "copy",
    sources: [...read, ...inline],
    destination: destinationIn(stage.settings.WorkingDir, destination),
    owner: chown,
    mode,
    isLink: instruction.link,
    exclude: instruction.exclude,
  };
  const said = [
    instruction.kind.toUpperCase(),
    ...(instruction.kind === "copy" && instruction.parents ? ["--parents"] : []),
    ...(chown === null ? [] : [`--chown=${chown}`]),
    ...(chmod === null ? [] : [`--chmod=${chmod}`]),
    ...sources,
    ...instruction.inline.map(({ name }) => `<<${name}`),
    destination,
  ];
  return { work, history: `${said.join(" ")} # buildkit` };
}

/**
 * Sources that .dockerignore leaves out, which so cannot be copied. Where it has exceptions, nobody knows before the files are
 * walked.
 */
function ignoredPaths(sources: readonly CopySource[], ignore: IgnoreMatcher | null): string[] {
  if (ignore === null || ignore.hasExceptions) return [];
  return sources
    .flatMap((source) => (source.kind === "files" ? [source.only ?? source.path] : []))
    .map((path) => path.replace(/^\/|\/$/g, ""))
    .filter((path) => ignore.matches(path));
}
