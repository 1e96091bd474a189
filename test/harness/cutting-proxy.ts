/** A TCP proxy to a port of this machine that breaks connections on demand. */
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Breaks the next connection that sends so many bytes or more; null breaks none. */
  cutAfter: number | null;
  /** Bytes that clients sent, over all connections. */
  received: number;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const [hostname = "", port = ""] = target.split(":");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname);
    let sent = 0;
    for (const [socket, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    behind.on("data", (chunk) => void client.write(chunk));
    client.on("data", (chunk) => {
      sent += chunk.length;
      proxy.received += chunk.length;
      if (!behind.write(chunk)) {
        client.pause();
        behind.once("drain", () => client.resume());
      }
      if (proxy.cutAfter === null || sent < proxy.cutAfter) return;
      proxy.cutAfter = null;
      // What is under way arrives first.
      client.pause();
      behind.end(() => client.destroy());
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  const proxy: CuttingProxy = {
    host: `127.0.0.1:${address && typeof address === "object" ? address.port : 0}`,
    cutAfter: null,
    received: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
  return proxy;
}
