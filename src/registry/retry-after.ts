/** How long to wait for a registry that is busy. */

const maxWaitMs = 30_000;

/**
 * Milliseconds before attempt `attempt` + 1: what `Retry-After` asks for, in seconds or as a date (RFC 9110 §10.2.3), else a
 * time that doubles; up to a quarter more by chance, so that those who were refused together do not come back together, and
 * never above half a minute.
 */
export function waitMs(retryAfter: string | null, attempt: number): number {
  const asked = askedMs(retryAfter?.trim() ?? "");
  const base = asked > 0 ? asked : 250 * 2 ** attempt;
  return Math.min(base * (1 + Math.random() / 4), maxWaitMs);
}

function askedMs(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : date - Date.now();
}
