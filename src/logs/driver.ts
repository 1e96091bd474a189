/** A log driver that delivers elsewhere, and what it is told. */
import type { LogStream } from "../lib/log-file/writer.ts";

export type LogOptions = Readonly<Record<string, string>>;

/** What a driver may say of a container; the words of Docker's `logger.Info`. */
export interface LogInfo {
  readonly config: LogOptions;
  readonly containerId: string;
  /** Without a leading slash. */
  readonly containerName: string;
  readonly entrypoint: string;
  readonly args: readonly string[];
  readonly imageId: string;
  readonly imageName: string;
  readonly created: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A part of a line that was too long, or that never ended. */
export interface PartialMessage {
  readonly id: string;
  /** From 1. */
  readonly ordinal: number;
  readonly last: boolean;
}

export interface LogMessage {
  /** Without the newline. */
  readonly line: string;
  readonly stream: LogStream;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly partial: PartialMessage | null;
}

/**
 * One connection to where messages go. `send` resolves when the far side, or the kernel on the way to it, has all of the
 * messages, and rejects when they must be sent again over a new connection. It may wait as long as the far side makes it wait,
 * until the sink is closed.
 */
export interface LogSink extends Disposable {
  send(messages: readonly LogMessage[]): Promise<void>;
}

/** One container's logger: everything that its options say is read and checked once. */
export interface Logger {
  /** Rejects, in Docker's words, when there is nobody. */
  connect(signal: AbortSignal): Promise<LogSink>;
  /** The first connection is made, or fails, before the container starts. */
  readonly connectsFirst: boolean;
  /**
   * What makes a container wait once its cache is full of messages that are not delivered: a sink that takes none while it is
   * there (`slow`), also one that is away (`gone`), or nothing.
   */
  readonly holdsFor: "nothing" | "slow" | "gone";
}

export interface LogDriver {
  /** Throws `invalidArgument` in Docker's words. The option names are known to be the driver's. */
  check(options: LogOptions): void;
  /** Throws what the start of the container fails with. */
  open(info: LogInfo): Logger;
}
