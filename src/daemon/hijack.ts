/** Connections that stop being HTTP: the stdio of a process on a raw socket, both ways, each with its own end. */
import type { Socket } from "node:net";
import { compareVersions } from "../lib/version-order.ts";
import { watchHangUp } from "../linux/hang-up.ts";
import { DetachDetector, type KeySequence } from "./detach-keys.ts";
import { lingerThenDestroy } from "./http/linger.ts";
import type { StdioSession } from "./stdio-session.ts";

/** The first lines of a hijacked reply. Clients that asked for an upgrade get 101, older ones 200. */
export function hijackHead(options: { upgraded: boolean; tty: boolean; version: string; headers: string }): string {
  const { upgraded, tty, version, headers } = options;
  const type = stdioType(tty, version);
  const status = upgraded ? "101 UPGRADED" : "200 OK";
  const upgrade = upgraded ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n";
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${upgrade}${headers}\r\n`;
}

/** Content type of a process's output: framed or raw; before 1.42 the frames had no name of their own. */
export function stdioType(tty: boolean, version: string): string {
  const framed = !tty && compareVersions(version, "1.42") >= 0;
  return framed ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
}

/**
 * Joins a socket and a session until the output ends, the client is gone, or `keys` are typed (terminals only). The client's
 * half-close becomes the end of the process's input; what nobody wants is read and dropped, so that the end is seen.
 */
export function joinSession(socket: Socket, session: StdioSession, keys: KeySequence): Promise<void> {
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
      session.output.unpipe(socket);
      session.close(reason);
      if (reason === "gone") socket.destroy();
      else lingerThenDestroy(socket);
      resolve();
    };

    const { input, output } = session;
    const detector = input && session.tty ? new DetachDetector(keys) : null;
    socket.setTimeout(0);
    socket.on("data", (chunk: Buffer) => {
      if (over || !input?.writable) return;
      const passed = detector ? detector.push(chunk) : chunk;
      if (passed.length > 0 && !input.write(passed)) socket.pause();
      if (detector?.detached) finish("detached");
    });
    socket.on("end", () => {
      if (over) return;
      input?.end();
      watchHangUp(socket, () => finish("gone"));
    });
    socket.on("error", () => finish("gone"));
    socket.on("close", () => finish("gone"));

    // A process that ends takes its stdin along; what the client still sends is dropped.
    input?.on("error", () => socket.resume());
    input?.on("close", () => socket.resume());
    input?.on("drain", () => socket.resume());

    output.on("error", () => finish("finished"));
    output.on("end", () => finish("finished"));
    output.pipe(socket, { end: false });
    socket.resume();
  });
}
