/** A socket that stands for a client's agent: each connection to it is one of the client's own. */
import { closeSync, constants, openSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

/** At once, through one socket; an agent's clients have one each, for a moment. */
const mostConnections = 64;

export class AgentProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Duplex>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens at `path`, which may be longer than a socket's name: only its last part is. */
  static async listen(path: string, connect: () => Promise<Duplex>): Promise<AgentProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new AgentProxy(server);
    server.on("connection", (socket) => void proxy.#pass(socket, connect));
    const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(`/proc/self/fd/${directory}/${basename(path)}`, resolve);
      });
    } finally {
      closeSync(directory);
    }
    return proxy;
  }

  /** A client that is refused, or whose agent goes away, sees its connection end. */
  async #pass(socket: Socket, connect: () => Promise<Duplex>): Promise<void> {
    socket.on("error", () => {});
    if (this.#open.size >= 2 * mostConnections) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    let agent: Duplex | null = null;
    try {
      agent = await connect();
      agent.on("error", () => {});
      this.#open.add(agent);
      if (!socket.destroyed) await Promise.all([pipeline(socket, agent), pipeline(agent, socket)]);
    } catch {
      // It is told by the end of the connection.
    } finally {
      socket.destroy();
      agent?.destroy();
      this.#open.delete(socket);
      if (agent) this.#open.delete(agent);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#open) one.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
