/** The streams of an attached process: our standard streams joined with a hijacked connection. */
import type { ContainerWaitResponse } from "../../api/containers.ts";
import { endStream, sessionType } from "../../api/session.ts";
import type { Hijacked } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import type { Output } from "../output.ts";

/** How to join. */
export interface JoinOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
}

/** How it ended: the process closed its output, or the user typed the detach keys; and the outcome, where the daemon told it. */
export interface JoinEnd {
  readonly detached: boolean;
  readonly outcome?: ContainerWaitResponse;
}

const detached: JoinEnd = { detached: true };

/** Asks for a stream that tells the process's end. */
export const toldSession = { Accept: sessionType };

export const isTold = ({ contentType }: Hijacked): boolean => contentType === sessionType;

/** Copies both ways until the output ends. Standard input's end half-closes the connection. */
export async function joinStreams(cli: Cli, hijacked: Hijacked, options: JoinOptions): Promise<JoinEnd> {
  const { stream } = hijacked;
  const read = () => stream.read();
  const told = isTold(hijacked);
  const closed =
    options.tty && !told
      ? copyRaw(read, cli.stdout).then((): JoinEnd => ({ detached: false }))
      : copyFrames(read, cli.stdout, cli.stderr).then(endOf);
  if (!options.stdin) {
    if (!options.tty && !told) stream.end();
    return closed;
  }
  if (!options.tty) {
    // A peer that no longer takes input is not our failure; the output tells how it ends.
    void sendInput(Bun.stdin.stream(), stream).catch(() => undefined);
    return closed;
  }
  const { isTerminal, openRawInput, parseDetachKeys, watchDetach } = await import("../../lib/terminal.ts");
  if (!isTerminal(0)) {
    void sendInput(Bun.stdin.stream(), stream).catch(() => undefined);
    return closed;
  }
  const raw = openRawInput();
  const watch = watchDetach(parseDetachKeys(options.detachKeys || "ctrl-p,ctrl-q"));
  const typed = (async (): Promise<JoinEnd> => {
    for await (const bytes of raw.keys) {
      const passed = watch.feed(bytes);
      if (passed.length > 0) await stream.write(passed);
      if (watch.detached()) return detached;
    }
    return closed;
  })().catch(() => closed);
  try {
    return await Promise.race([closed, typed]);
  } finally {
    raw.restore();
  }
}

async function sendInput(input: AsyncIterable<Uint8Array>, stream: Hijacked["stream"]): Promise<void> {
  for await (const bytes of input) await stream.write(bytes);
  stream.end();
}

type Read = () => Promise<Uint8Array | null>;

/** A terminal's output is one stream of bytes. */
export async function copyRaw(read: Read, to: Output): Promise<void> {
  for (let bytes = await read(); bytes !== null; bytes = await read()) await to.bytes(bytes);
}

function endOf(text: string): JoinEnd {
  if (text === "") return { detached: false };
  const outcome = JSON.parse(text) as ContainerWaitResponse;
  return { detached: false, outcome };
}

/**
 * Without a terminal each piece has a header of eight bytes: the stream's number (1 or 2, 3 for a message of the daemon)
 * and the length, big-endian, at offset 4. Answers what came on the stream that tells the end.
 */
export async function copyFrames(read: Read, out: Output, err: Output): Promise<string> {
  const decoder = new TextDecoder();
  const header = new Uint8Array(8);
  let end = "";
  let filled = 0;
  let left = 0;
  for (let bytes = await read(); bytes !== null; bytes = await read()) {
    let at = 0;
    while (at < bytes.length) {
      if (left === 0) {
        const take = Math.min(8 - filled, bytes.length - at);
        header.set(bytes.subarray(at, at + take), filled);
        filled += take;
        at += take;
        if (filled < 8) break;
        filled = 0;
        left = new DataView(header.buffer).getUint32(4);
        if (header[0]! > endStream) throw new Error(`Unrecognized input header: ${header[0]}`);
        continue;
      }
      const piece = bytes.subarray(at, at + left);
      if (header[0] === endStream) end += decoder.decode(piece, { stream: true });
      else await (header[0] === 2 || header[0] === 3 ? err : out).bytes(piece);
      at += piece.length;
      left -= piece.length;
    }
  }
  return end;
}

/** Tells the daemon the terminal's size now and at each change; answers what stops it. */
export async function followSize(
  resize: (size: { rows: number; columns: number }) => Promise<void>,
): Promise<() => void> {
  const { terminalSize } = await import("../../lib/terminal.ts");
  const send = (): void => {
    const size = terminalSize();
    // A container that has just ended cannot be resized; nothing is lost.
    if (size && size.rows > 0) void resize(size).catch(() => undefined);
  };
  send();
  process.on("SIGWINCH", send);
  return () => void process.off("SIGWINCH", send);
}

const proxied = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGCONT",
  "SIGTSTP",
] as const;

/** Hands signals that we receive to `send`; answers what stops it. */
export function forwardSignals(send: (signal: string) => Promise<unknown>): () => void {
  const listener = (signal: string): void => void send(signal).catch(() => undefined);
  for (const signal of proxied) process.on(signal, listener);
  return () => {
    for (const signal of proxied) process.off(signal, listener);
  };
}
