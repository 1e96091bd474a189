/** What a stage is at one of its instructions: the image so far, and the variables. */

import type { Platform } from "../../../lib/platform.ts";
import { suggest } from "../../../lib/suggest.ts";
import { type Escape, type ExpandOptions, type Expansion, tryExpand } from "../expansion/expand.ts";
import type { Linter } from "../lint/linter.ts";
import { placeOf, type Statement } from "../syntax/statement.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import type { WorkBudget } from "../text/limits.ts";
import type { Range } from "../text/source.ts";
import type { BaseImage } from "./options.ts";
import type { HistoryRow, ImageSettings } from "./plan.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What all stages of a build share. */
export interface StageContext {
  readonly escapeCharacter: Escape;
  readonly budget: WorkBudget;
  readonly linter: Linter;
}

/** An ARG of a stage, with what it came to; null when nobody gave it a value. */
export interface StageArg {
  readonly name: string;
  readonly value: string | null;
}

/** Settings of an image that says nothing. */
function emptySettings(): ImageSettings {
  return {
    User: "",
    ExposedPorts: undefined,
    Env: [],
    Volumes: null,
    WorkingDir: "",
    Labels: {},
    StopSignal: undefined,
    ArgsEscaped: undefined,
    OnBuild: [],
    Shell: undefined,
    Cmd: null,
    Entrypoint: null,
    Healthcheck: undefined,
  };
}

type StageFields = Pick<
  StageState,
  "context" | "platform" | "settings" | "author" | "history" | "variables" | "args" | "hasWorkdir"
>;

export class StageState {
  readonly context: StageContext;
  readonly platform: Platform;
  settings: ImageSettings;
  author: string;
  readonly history: HistoryRow[];
  /** ENV and ARG, the later one counts; the order is that in which they were first set. */
  readonly variables: Map<string, string>;
  readonly args: StageArg[];
  /** A WORKDIR of this Dockerfile has been carried out: relative ones have something to stand on. */
  hasWorkdir: boolean;
  /** Where each variable stands in the settings' Env. */
  readonly #envPlaces: Map<string, number>;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK of this stage stand. */
  readonly seen = new Map<"cmd" | "entrypoint" | "healthcheck", Range>();

  private constructor(fields: StageFields) {
    this.context = fields.context;
    this.platform = fields.platform;
    this.settings = fields.settings;
    this.author = fields.author;
    this.history = fields.history;
    this.variables = fields.variables;
    this.args = fields.args;
    this.hasWorkdir = fields.hasWorkdir;
    this.#envPlaces = new Map(fields.settings.Env.map((each, at) => [splitVariable(each)[0], at]));
  }

  /** A stage on settings as they are. */
  static onSettings(context: StageContext, platform: Platform, settings: ImageSettings): StageState {
    return new StageState({
      context,
      platform,
      settings,
      author: "",
      history: [],
      variables: new Map(settings.Env.map(splitVariable)),
      args: [],
      hasWorkdir: false,
    });
  }

  /** A stage on an image, or on nothing (`null`), which is the empty image with a path and a directory. */
  static onImage(context: StageContext, platform: Platform, image: BaseImage | null): StageState {
    const settings = { ...emptySettings(), WorkingDir: image === null ? "/" : "", ...image?.settings };
    const env = settings.Env.some((each) => each.startsWith("PATH="))
      ? settings.Env
      : [...settings.Env, `PATH=${defaultPath}`];
    return new StageState({
      context,
      platform,
      settings: { ...settings, Env: env, OnBuild: [] },
      author: image?.author ?? "",
      history: [...(image?.history ?? [])],
      variables: new Map(env.map(splitVariable)),
      args: [],
      hasWorkdir: false,
    });
  }

  /** A stage on another one's end: its triggers stay behind, its ARGs are still known. */
  static onStage(other: StageState): StageState {
    other.context.budget.spend(other.variables.size + other.args.length + other.history.length);
    return new StageState({
      context: other.context,
      platform: other.platform,
      settings: { ...other.settings, OnBuild: [] },
      author: other.author,
      history: [...other.history],
      variables: new Map(other.variables),
      args: [...other.args],
      hasWorkdir: other.hasWorkdir,
    });
  }

  /**
   * A word of a statement as it is meant at this place; a variable that nobody has set is told to the linter, as it may be a
   * mistake. Throws DockerfileError.
   */
  expand(word: string, statement: Statement): string {
    return this.#expanded(word, statement).text;
  }

  /** As {@link expand}, for the text of a heredoc: quotes are characters like any other. */
  expandPlain(text: string, statement: Statement): string {
    return this.#expanded(text, statement, { plainQuotes: true, escapeCharacter: "\\" }).text;
  }

  /** The words that a word comes to, for EXPOSE; nobody is told of variables that are not set, as in BuildKit. */
  expandWords(word: string, statement: Statement): readonly string[] {
    return this.#expanded(word, statement, {}, () => {}).words;
  }

  #reportUnset(name: string, { range }: Statement): void {
    const { budget, linter } = this.context;
    budget.spend(this.args.length + this.variables.size * 8);
    if (this.args.some((arg) => arg.name === name) || name.startsWith("BUILDKIT_SBOM_SCAN_")) return;
    linter.report("UndefinedVar", range, name, suggest(name, this.variables.keys()));
  }

  #expanded(
    word: string,
    statement: Statement,
    how: Partial<ExpandOptions> = {},
    unset = (name: string): void => this.#reportUnset(name, statement),
  ): Expansion {
    const { escapeCharacter, budget } = this.context;
    const result = tryExpand(word, { escapeCharacter, budget, variables: this.variables, ...how });
    for (const name of result.unmatched) unset(name);
    if ("error" in result) {
      const { error } = result;
      throw new DockerfileError(error.message, [statement.range], placeOf(statement, word), { cause: error });
    }
    return result;
  }

  /** Sets a variable of the image, in the place of one of that name. */
  setEnv(name: string, value: string): void {
    this.variables.set(name, value);
    this.context.budget.spend(this.settings.Env.length);
    const entry = `${name}=${value}`;
    const at = this.#envPlaces.get(name);
    const Env = at === undefined ? [...this.settings.Env, entry] : this.settings.Env.with(at, entry);
    if (at === undefined) this.#envPlaces.set(name, Env.length - 1);
    this.settings = { ...this.settings, Env };
  }
}

/** `NAME=value` in two; what has no `=` is a name without a value. */
function splitVariable(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
