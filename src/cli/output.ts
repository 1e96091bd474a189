/**
 * The standard streams of a command. Bun's own sinks are used: touching `process.stdout` would cost 6 ms at each start.
 */

/** A sink for text or bytes that remembers a vanished reader instead of failing each writer. */
export interface Output {
  /** Queues text; {@link flush} or the end of the program sends it. */
  text(text: string): void;
  /** Sends bytes and waits until the system has taken them. */
  bytes(bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  /** True once the reader has gone (EPIPE). */
  readonly broken: boolean;
}

/** An output that shows nothing. */
export const silent: Output = { text: () => {}, bytes: async () => {}, flush: async () => {}, broken: false };

/** An output on standard output (1) or standard error (2). */
export function openOutput(fd: 1 | 2): Output {
  let sink: ReturnType<ReturnType<typeof Bun.file>["writer"]> | null = null;
  let broken = false;
  const open = (): NonNullable<typeof sink> => {
    sink ??= (fd === 1 ? Bun.stdout : Bun.stderr).writer({ highWaterMark: 1 << 16 });
    return sink;
  };
  const guarded = async (work: () => unknown): Promise<void> => {
    if (broken) return;
    try {
      await work();
    } catch {
      broken = true;
    }
  };
  return {
    text(text) {
      if (broken) return;
      try {
        open().write(text);
      } catch {
        broken = true;
      }
    },
    bytes: (bytes) =>
      guarded(() => {
        open().write(bytes);
        return open().flush();
      }),
    flush: () => guarded(() => sink?.flush()),
    get broken() {
      return broken;
    },
  };
}
