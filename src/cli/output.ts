/**
 * The standard streams of a command. Bun's own sinks are used: touching `process.stdout` would cost 6 ms at each start.
 */

/** A sink for text or bytes. Once its reader has gone, `bytes` and `flush` reject with {@link WriteError}. */
export interface Output {
  /** Queues text; {@link flush} or the end of the program sends it. */
  text(text: string): void;
  /** Sends bytes and waits until the system has taken them. */
  bytes(bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

/** Standard output or error takes no more: its reader has gone, or the disk under it is full. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  /** True when the reader has gone (EPIPE), which ends other programs by SIGPIPE, without a word. */
  readonly brokenPipe: boolean;

  constructor(fd: 1 | 2, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const reasons: Record<string, string> = { EPIPE: "broken pipe", ENOSPC: "no space left on device" };
    const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
    super(`write /dev/${fd === 1 ? "stdout" : "stderr"}: ${reason}`, { cause });
    this.brokenPipe = code === "EPIPE";
  }
}

/** An output that shows nothing. */
export const silent: Output = { text: () => {}, bytes: async () => {}, flush: async () => {} };

/** An output on standard output (1) or standard error (2). */
export function openOutput(fd: 1 | 2): Output {
  let sink: ReturnType<ReturnType<typeof Bun.file>["writer"]> | null = null;
  let failure: WriteError | null = null;
  const open = (): NonNullable<typeof sink> => {
    sink ??= (fd === 1 ? Bun.stdout : Bun.stderr).writer({ highWaterMark: 1 << 16 });
    return sink;
  };
  const fail = (cause: unknown): void => {
    failure ??= new WriteError(fd, cause);
  };
  /** Waits for `work`; throws what failed in it or has failed before. */
  const sent = async (work: () => Promise<unknown>): Promise<void> => {
    if (failure === null) await work().catch(fail);
    if (failure !== null) throw failure;
  };
  return {
    text(text) {
      if (failure !== null) return;
      try {
        const written = open().write(text) as number | Promise<number>;
        if (typeof written !== "number") written.catch(fail);
      } catch (cause) {
        fail(cause);
      }
    },
    bytes: (bytes) =>
      sent(async () => {
        await open().write(bytes);
        await open().flush();
      }),
    flush: () => sent(async () => await sink?.flush()),
  };
}
