import { trimSpace } from "../../../lib/characters.ts";
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { parseBool } from "../../../lib/flags-numbers.ts";
import { printf } from "../../../lib/go-template/printf.ts";

/** What `# check=` and the build argument BUILDKIT_DOCKERFILE_CHECK ask for. */
export interface LintOptions {
  /** Rules that say nothing; `all` but for the experimental ones. */
  readonly skip: ReadonlySet<string> | "all";
  /** Experimental rules that speak. */
  readonly experimental: ReadonlySet<string> | "all";
  /** Warnings fail the build. */
  readonly isError: boolean;
}

/** Reads `skip=A,B;experimental=all;error=true`; throws `invalidArgument` in BuildKit's words. */
export function readLintOptions(text: string): LintOptions {
  let options: LintOptions = { skip: new Set(), experimental: new Set(), isError: false };
  if (trimSpace(text) === "") return options;
  const [first = "", second, ...others] = trimSpace(text).split(";");
  const parts = [first, second, others.length > 0 ? others.join(";") : undefined].filter((part) => part !== undefined);
  for (const part of parts) {
    const at = part.indexOf("=");
    if (at < 0) throw invalidOption(part);
    const key = trimSpace(part.slice(0, at));
    const value = trimSpace(part.slice(at + 1));
    const named = value === "all" ? value : new Set(value.split(",").map(trimSpace));
    if (key === "skip") options = { ...options, skip: named };
    else if (key === "experimental") options = { ...options, experimental: named };
    else if (key === "error") options = { ...options, isError: readError(part, value) };
    else throw invalidOption(key);
  }
  return options;
}

function readError(part: string, value: string): boolean {
  try {
    return parseBool(value);
  } catch (error) {
    const option = printf("%q", [part]);
    throw invalidArgument(`failed to parse check options: failed to parse check option ${option}: ${messageOf(error)}`);
  }
}

function invalidOption(text: string): Error {
  return invalidArgument(`failed to parse check options: invalid check option ${printf("%q", [text])}`);
}
