/** What somebody who mistyped a word may have meant. */

const farthest = 2;
/** Longer words are nobody's typing mistake, and comparing them takes the square of their length. */
const longestWord = 100;

/**
 * The nearest of `options` that is at most two typing mistakes away from `word`; of those equally near the first. Null when
 * none is, or when the word is one of them and so no mistake.
 */
export function suggest(word: string, options: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = farthest + 1;
  for (const option of options) {
    const distance = editDistance(word, option, bestDistance);
    if (distance === 0) return null;
    if (distance < bestDistance) [best, bestDistance] = [option, distance];
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, options: Iterable<string>): string {
  const suggestion = suggest(word, options);
  return suggestion === null ? "" : ` (did you mean ${suggestion}?)`;
}

/** Insertions, deletions and substitutions from one word to the other; `enough` when it is as many or more. */
function editDistance(a: string, b: string, enough: number): number {
  if (a === b) return 0;
  if (Math.abs(a.length - b.length) >= enough || a.length > longestWord) return enough;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1));
    }
    if (Math.min(...next) >= enough) return enough;
    row = next;
  }
  return row[b.length]!;
}
