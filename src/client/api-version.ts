/** The newest and oldest API versions this client speaks. */
export const newestApiVersion = "1.51";
export const oldestApiVersion = "1.24";

/** Orders `1.9` before `1.24`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
