/** The words of a Dockerfile instruction: split at blanks, quotes taken off, variables put in. */

/** Words as they are written, with their quotes; quotes and backslashes keep blanks in. */
export function splitWords(text: string): string[] {
  return text.match(/(?:[^\s"'\\]|\\.|\\$|"(?:[^"\\]|\\.)*"?|'[^']*'?)+/g) ?? [];
}

const piece = /'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.?)|\$(\w+)|\$\{(\w+)(?:(:?[-+])([^}]*))?\}/gs;
const inQuotes = /\\(["\\$])|\$(\w+)|\$\{(\w+)(?:(:?[-+])([^}]*))?\}/g;

/** One word as it is meant. What is in single quotes stays as it is; a variable that is not set is empty. */
export function expandWord(word: string, env: ReadonlyMap<string, string>): string {
  const value = (name = "", operator: string | undefined, other: string | undefined): string => {
    const own = env.get(name);
    const isSet = own !== undefined && (own !== "" || !operator?.startsWith(":"));
    if (operator?.endsWith("+")) return isSet ? expandWord(other ?? "", env) : "";
    return isSet ? own : expandWord(other ?? "", env);
  };
  return word.replace(piece, (_all, single, double, escaped, plain, braced, operator, other) => {
    if (single !== undefined) return single;
    if (double !== undefined) {
      return double.replace(
        inQuotes,
        (_inner: string, mark?: string, name?: string, inBraces?: string, how?: string, instead?: string) =>
          mark ?? value(name ?? inBraces, how, instead),
      );
    }
    return escaped ?? value(plain ?? braced, operator, other);
  });
}
