/** Shell-like patterns over one path segment (`*`, `?`, `[a-z]`), as Go's path.Match: no pattern can blow up in time. */

/** True when `pattern` matches the whole of `text`; `*` and `?` do not match `/`. A malformed pattern matches nothing. */
export function globMatch(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    const step = p < pattern.length && pattern[p] !== "*" ? matchOne(pattern, p, text[t]!) : -1;
    if (step > 0) {
      p += step;
      t++;
    } else if (p < pattern.length && pattern[p] === "*") {
      starAt = p++;
      resumeAt = t;
    } else if (starAt >= 0 && text[resumeAt] !== "/") {
      p = starAt + 1;
      t = ++resumeAt;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

/** The length of the pattern element at `p` when it matches `c`, else -1. */
function matchOne(pattern: string, p: number, c: string): number {
  const element = pattern[p]!;
  if (element === "?") return c === "/" ? -1 : 1;
  if (element === "\\") return pattern[p + 1] === c ? 2 : -1;
  if (element !== "[") return element === c ? 1 : -1;
  let i = p + 1;
  const negated = pattern[i] === "^";
  if (negated) i++;
  let found = false;
  for (let first = true; first || pattern[i] !== "]"; first = false) {
    if (i >= pattern.length) return -1;
    if (pattern[i] === "\\") i++;
    const low = pattern[i++] ?? "";
    let high = low;
    if (pattern[i] === "-" && pattern[i + 1] !== undefined && pattern[i + 1] !== "]") {
      high = pattern[i + 1]!;
      i += 2;
    }
    if (low <= c && c <= high) found = true;
  }
  return found !== negated ? i - p + 1 : -1;
}

/** True for a pattern that Go's path.Match refuses: a class that is empty or has no end, or nothing after a backslash. */
export function isMalformedGlob(pattern: string): boolean {
  let p = 0;
  while (p >= 0 && p < pattern.length) {
    if (pattern[p] === "[") p = classEnd(pattern, p);
    else if (pattern[p] === "\\") p = p + 1 < pattern.length ? p + 2 : -1;
    else p++;
  }
  return p < 0;
}

/** Where the class that begins at `p` has ended; -1 when it is none. */
function classEnd(pattern: string, p: number): number {
  const characterEnd = (i: number): number => {
    const at = pattern[i] === "\\" ? i + 1 : i;
    const isNone = at >= pattern.length || (at === i && (pattern[i] === "]" || pattern[i] === "-"));
    return isNone ? -1 : at + 1;
  };
  let i = pattern[p + 1] === "^" ? p + 2 : p + 1;
  do {
    i = characterEnd(i);
    if (i >= 0 && pattern[i] === "-") i = characterEnd(i + 1);
    if (i < 0) return -1;
  } while (pattern[i] !== "]");
  return i + 1;
}

/** A pattern that matches this text alone. */
export const escapeGlob = (text: string): string => text.replace(/[*?[\\]/g, "\\$&");
