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
