import { messageOf } from "./errors.ts";
import { pause } from "./pause.ts";

const firstRestMs = 100;
const longestRestMs = 5_000;

/** Tries until it succeeds, `signal` is aborted or it is not `wanted` any more, with rests that double up to five seconds. */
export async function insist(
  attempt: () => Promise<unknown>,
  { signal, failed, wanted = () => true }: Insistence,
): Promise<void> {
  for (let rest = firstRestMs; !signal.aborted && wanted(); rest = Math.min(rest * 2, longestRestMs)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (signal.aborted) return;
      failed(messageOf(error));
      await pause(rest, signal);
    }
  }
}

export interface Insistence {
  readonly signal: AbortSignal;
  /** Hears why each attempt failed. */
  readonly failed: (why: string) => void;
  readonly wanted?: () => boolean;
}
