/** Connections that stop being HTTP: the stdio of a process on a raw socket, both ways, each with its own end. */
import type { Socket } from "node:net";
import { Transform } from "node:stream";
import type { ContainerWaitResponse } from "../api/containers.ts";
import { endStream, sessionType } from "../api/session.ts";
import { DetachDetector, type KeySequence } from "../lib/detach-keys.ts";
import { compareVersions } from "../lib/version-order.ts";
import { watchHangUp } from "../linux/hang-up.ts";
import { taken } from "../linux/unread.ts";
import { lingerThenDestroy } from "./http/linger.ts";
import type { StdioSession } from "./stdio-session.ts";

/** The first lines of a hijacked reply. Clients that asked for an upgrade get 101, older ones 200. */
export function hijackHead(options: { upgraded: boolean; type: string; headers: string }): string {
  const { upgraded, type, headers } = options;
  const status = upgraded ? "101 UPGRADED" : "200 OK";
  const upgrade = upgraded ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n";
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${upgrade}${headers}\r\n`;
}

/** Content type of a process's output: framed or raw; before 1.42 the frames had no name of their own. */
export function stdioType(tty: boolean, version: string): string {
  const framed = !tty && compareVersions(version, "1.42") >= 0;
  return framed ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
}

/** The same on a hijacked connection, where the frames are named only to a client that asked for an upgrade. */
export function hijackType(tty: boolean, version: string): (upgraded: boolean) => string {
  return (upgraded) => stdioType(tty || !upgraded, version);
}

/**
 * How long a client may take to read the head of a hijacked reply before output follows it. One that reads both at once (docker-py
 * does, with a reader of its own for the head) throws the output away.
 */
const headPatienceMs = 5000;

/** How a session is joined. */
export interface Joining {
  /** Detach when typed; terminals only. */
  readonly keys: KeySequence;
  /** The client asked for `api/session.ts`: all output in frames, the end as the last. */
  readonly told: boolean;
}

/** Whether the client's `Accept` asks for a session that tells its end. */
export const wantsTold = (accept: string | undefined): boolean => accept?.includes(sessionType) ?? false;

/**
 * Joins a socket and a session until the output ends, the client is gone, or `keys` are typed (terminals only). The client's
 * half-close becomes the end of the process's input; what nobody wants is read and dropped, so that the end is seen.
 */
export function joinSession(socket: Socket, session: StdioSession, { keys, told }: Joining): Promise<void> {
  // A socket that is gone already will never say so again.
  if (socket.destroyed) {
    session.close("gone");
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    let over = false;
    const finish = (reason: "finished" | "gone" | "detached"): void => {
      if (over) return;
      over = true;
      output.unpipe(socket);
      session.close(reason);
      if (reason === "gone") socket.destroy();
      else lingerThenDestroy(socket);
      resolve();
    };

    const { input } = session;
    const output = told && session.tty ? session.output.pipe(framing()) : session.output;
    const ended = async (): Promise<void> => {
      if (told && session.outcome && !over) {
        const outcome = await session.outcome().catch(() => null);
        if (outcome && !over) socket.write(endFrame(outcome));
      }
      finish("finished");
    };
    const detector = input && session.tty ? new DetachDetector(keys) : null;
    socket.setTimeout(0);
    socket.on("data", (chunk: Buffer) => {
      if (over || !input?.writable) return;
      const passed = detector ? detector.push(chunk) : chunk;
      if (passed.length > 0 && !input.write(passed)) socket.pause();
      if (detector?.detached) finish("detached");
    });
    const halfClosed = (): void => {
      if (over) return;
      input?.end();
      watchHangUp(socket, () => finish("gone"));
    };
    if (socket.readableEnded) halfClosed();
    else socket.on("end", halfClosed);
    socket.on("error", () => finish("gone"));
    socket.on("close", () => finish("gone"));

    // A process that ends takes its stdin along; what the client still sends is dropped.
    input?.on("error", () => socket.resume());
    input?.on("close", () => socket.resume());
    input?.on("drain", () => socket.resume());

    output.on("error", () => finish("finished"));
    output.on("end", () => void ended());
    const begin = (): void => {
      if (!over) output.pipe(socket, { end: false });
    };
    if (told) begin();
    else void taken(socket, headPatienceMs).then(begin);
    socket.resume();
  });
}

/** A terminal's output in frames of standard output. */
function framing(): Transform {
  return new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, frame(1, chunk)) });
}

const endFrame = (outcome: ContainerWaitResponse): Buffer => frame(endStream, Buffer.from(JSON.stringify(outcome)));

function frame(stream: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}
