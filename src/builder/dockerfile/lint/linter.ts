import { invalidArgument } from "../../../lib/errors.ts";
import { excerpt, type Range, type Source } from "../text/source.ts";
import type { LintOptions } from "./options.ts";
import { messages, type RuleName, rules, ruleUrl } from "./rules.ts";

/** One place that a rule speaks of. */
export interface LintWarning {
  readonly rule: RuleName;
  readonly description: string;
  readonly url: string;
  readonly message: string;
  readonly range: Range;
}

type Said<R extends RuleName> = Parameters<(typeof messages)[R]>;

/** Gathers what the rules that are wanted have to say, in the order in which a build comes upon it. */
export class Linter {
  readonly warnings: LintWarning[] = [];
  readonly #options: LintOptions;

  constructor(options: LintOptions) {
    this.#options = options;
  }

  /** Notes that `rule` is broken at `range`; the rest is what its message names. */
  report<R extends RuleName>(rule: R, range: Range, ...said: Said<R>): void {
    const { description, isExperimental } = rules[rule];
    const { skip, experimental } = this.#options;
    const isSilent = isExperimental
      ? experimental !== "all" && !experimental.has(rule)
      : skip === "all" || skip.has(rule);
    if (isSilent) return;
    const message = (messages[rule] as (...said: Said<R>) => string)(...said);
    this.warnings.push({ rule, description, url: ruleUrl(rule), message, range });
  }

  /** Throws `invalidArgument` when there are warnings and the file wants them to be errors. */
  refuseIfAsked(): void {
    if (!this.#options.isError || this.warnings.length === 0) return;
    const broken = [...new Set(this.warnings.map(({ rule }) => rule))];
    throw invalidArgument(`lint violation found for rules: ${broken.join(", ")}`);
  }
}

/** A warning as people are shown it: the rule and where the docs speak of it, what it says, and the lines. */
export function describeWarning({ rule, url, message, range }: LintWarning, source: Source): string {
  return [`WARNING: ${rule} - ${url}`, message, excerpt(source, [range], null)].join("\n");
}
