/** ARG: what it comes to before the first FROM and inside a stage. */
import { type Escape, type Expansion, expand } from "../expansion/expand.ts";
import type { Arg } from "../instructions/arg.ts";
import { isSecretName } from "../lint/secret-names.ts";
import type { Statement } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import type { WorkBudget } from "../text/limits.ts";
import type { StageState } from "./stage-state.ts";

/** Variables that FROM may use. */
export interface GlobalArgs {
  readonly values: ReadonlyMap<string, string>;
  /** Those that an ARG names, with a value or without. */
  readonly declared: ReadonlyMap<string, GlobalArg>;
}

/** An ARG before the first FROM. */
export interface GlobalArg {
  /** Null where nobody gave it one. */
  readonly value: string | null;
  readonly statement: Statement;
  /** Variables that its default is made of. */
  readonly uses: ReadonlySet<string>;
}

/** What ARGs are read with. */
export interface ArgReader {
  /** What there is without any ARG. */
  readonly predefined: ReadonlyMap<string, string>;
  /** The command line's values. */
  readonly given: ReadonlyMap<string, string>;
  readonly escapeCharacter: Escape;
  readonly budget: WorkBudget;
}

/** Carries out the ARGs before the first FROM, each of which sees those before it. */
export function globalArgsOf(args: readonly Arg[], reader: ArgReader): GlobalArgs {
  const { predefined, given, escapeCharacter, budget } = reader;
  const values = new Map([...predefined].map(([name, value]) => [name, given.get(name) ?? value]));
  const declared = new Map<string, GlobalArg>();
  const expanded = (word: string, { range }: Statement): Expansion =>
    located([range], null, () => expand(word, { variables: values, escapeCharacter, budget }));
  for (const { args: pairs, statement } of args) {
    for (const { name, value } of pairs) {
      const own = given.get(name);
      const result = own === undefined && value !== null ? expanded(value, statement) : null;
      const text = own ?? result?.text;
      if (text !== undefined) values.set(name, text);
      declared.set(name, { value: text ?? null, statement, uses: result?.matched ?? new Set() });
    }
  }
  return { values, declared };
}

/** Arguments that are instructions to the builder, and no variables. */
const noVariables = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

/** Where the ARGs of a stage have their values from. */
export interface StageArgs {
  readonly globals: GlobalArgs;
  readonly buildArgs: ReadonlyMap<string, string>;
}

/**
 * Carries out an ARG of a stage: the command line's value, else its own default, else that of an ARG of this name before the
 * first FROM. It is a variable from here on, over an ENV of its name too, as BuildKit has it.
 */
export function applyArg(stage: StageState, { args, statement }: Arg, { globals, buildArgs }: StageArgs): string {
  const said = args.map(({ name, value }) => {
    if (isSecretName(name)) stage.context.linter.report("SecretsUsedInArgOrEnv", statement.range, "ARG", name);
    const own = buildArgs.get(name);
    const inherited = (): string | null => globals.values.get(name) ?? null;
    const result = own ?? (value === null ? inherited() : stage.expand(value, statement));
    if (result !== null && !noVariables.has(name)) stage.variables.set(name, result);
    stage.args.push({ name, value: result });
    return result === null ? name : `${name}=${result}`;
  });
  return `ARG ${said.join(" ")}`;
}
