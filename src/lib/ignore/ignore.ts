/** Which paths of a build context are left out. Pure: paths in, answers out; who walks the files is somebody else's business. */
import { cleanPath } from "./ignore-file.ts";
import { IgnorePattern } from "./ignore-pattern.ts";

/** For each pattern, whether it matched a path or a directory above it, as far as it was looked at. */
type Results = readonly boolean[];

const mostRemembered = 10_000;

export class IgnoreMatcher {
  readonly #patterns: readonly IgnorePattern[];
  /** Of directories: their files are asked about one after the other. */
  readonly #directories = new Map<string, Results>();

  /** Throws `invalidArgument` for a pattern that is none. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => new IgnorePattern(cleanPath(pattern)));
  }

  get hasExceptions(): boolean {
    return this.#patterns.some(({ isException }) => isException);
  }

  /** The patterns that leave something out, as they are compared. */
  get patterns(): readonly string[] {
    return this.#patterns.filter(({ isException }) => !isException).map(({ text }) => text);
  }

  /**
   * True when the path, relative to the context and with slashes, is left out: the last pattern that matches it or a
   * directory above it decides. The context itself never is.
   */
  matches(path: string): boolean {
    const clean = cleanPath(path).replace(/^\//, "");
    return clean !== "." && clean !== "" && this.#isLeftOut(this.#resultsOf(clean));
  }

  /**
   * True when something below a directory that is left out may be kept by an exception: a walk has to go in. With `matches`
   * it lets a walk pass over whole trees.
   */
  mayKeepBelow(directory: string): boolean {
    const clean = cleanPath(directory);
    return this.#patterns.some((pattern) => pattern.isException && pattern.mayMatchBelow(clean));
  }

  #isLeftOut(results: Results): boolean {
    let isLeftOut = false;
    for (const [index, pattern] of this.#patterns.entries()) if (results[index]) isLeftOut = !pattern.isException;
    return isLeftOut;
  }

  /** A pattern that would change nothing is not looked at, and so counts for nothing further down: BuildKit's walk has it so. */
  #resultsOf(path: string): Results {
    const slash = path.lastIndexOf("/");
    const above = slash < 0 ? null : this.#resultsOfDirectory(path.slice(0, slash));
    let isLeftOut = false;
    return this.#patterns.map((pattern, index) => {
      const isMatch = above?.[index] === true || (pattern.isException === isLeftOut && pattern.matches(path));
      if (isMatch) isLeftOut = !pattern.isException;
      return isMatch;
    });
  }

  #resultsOfDirectory(directory: string): Results {
    const known = this.#directories.get(directory);
    if (known) return known;
    const results = this.#resultsOf(directory);
    if (this.#directories.size >= mostRemembered) this.#directories.clear();
    this.#directories.set(directory, results);
    return results;
  }
}
