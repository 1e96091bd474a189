/** A tar archive as an async sequence, for readers that wait between members. */
import type { TarEntry } from "./entry.ts";
import { TarReader } from "./reader.ts";

/** One member with its data. The data must be read, if at all, before the next member is asked for. */
export interface TarMember {
  readonly entry: TarEntry;
  /** The member's bytes, holes as zeros. */
  readonly body: AsyncIterable<Uint8Array>;
}

type Event =
  | { type: "entry"; entry: TarEntry }
  | { type: "data"; bytes: Uint8Array }
  | { type: "hole"; length: number }
  | { type: "end" };

const zeros = new Uint8Array(64 * 1024);

/**
 * The members of `source`, an uncompressed tar. Memory is bounded by one chunk; data that nobody reads is skipped.
 * Throws `invalidArgument` on a malformed archive.
 */
export async function* tarMembers(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const events: Event[] = [];
  const reader = new TarReader({
    entry: (entry) => events.push({ type: "entry", entry }),
    data: (bytes) => events.push({ type: "data", bytes }),
    hole: (length) => events.push({ type: "hole", length }),
    end: () => events.push({ type: "end" }),
  });
  const chunks = source[Symbol.asyncIterator]();
  const next = async (): Promise<Event | null> => {
    while (events.length === 0) {
      const chunk = await chunks.next();
      if (chunk.done) {
        reader.finish();
        return null;
      }
      reader.push(chunk.value);
    }
    return events.shift() ?? null;
  };
  async function* body(): AsyncGenerator<Uint8Array> {
    while (events[0]?.type !== "entry") {
      const event = await next();
      if (event === null || event.type === "end") return;
      if (event.type === "data") yield event.bytes;
      else if (event.type === "hole") {
        for (let left = event.length; left > 0; left -= zeros.length)
          yield zeros.subarray(0, Math.min(left, zeros.length));
      }
    }
  }
  try {
    for (let event = await next(); event !== null; event = await next()) {
      if (event.type === "entry") yield { entry: event.entry, body: body() };
    }
  } finally {
    await chunks.return?.();
  }
}
