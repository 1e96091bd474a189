/**
 * Orders dotted version numbers by their parts, `1.9` before `1.24`: negative, zero or positive. Missing parts are 0; what
 * follows the leading numbers (`+ds1`, `-rc2`) does not count.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parts(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? "0").split(".").map(Number);
}
