/**
 * Queries that no container's name answers, on their way to the servers outside. Each server has one connected UDP socket
 * per container while it is in use: the kernel lets in only that server's packets, and an answer counts when its random id
 * and its question are those that were sent (RFC 5452).
 */
import { randomInt } from "node:crypto";
import { isIPv6 } from "node:net";
import { type HeldNamespace, inNamespace } from "../../../linux/netns.ts";
import { questionEnd } from "./answer.ts";
import { framed, MessageReader } from "./framing.ts";

/** A server outside. */
export interface Upstream {
  readonly address: string;
  /** Asked from the host's namespace: a server of the host's own list, which may be out of a container's reach. */
  readonly fromHost: boolean;
}

/** How long one server may take before the next is asked: a libc gives up altogether after five seconds. */
const serverMs = 2000;
/** Servers that are asked at most. */
const serversTried = 3;
/** Queries of one container under way at once. */
const concurrent = 1024;
/** A socket that nobody needed for so long is closed, and the next one has another port. */
const idleMs = 10_000;

const rcodeOf = (message: Buffer): number => (message[3] ?? 0) & 0xf;
const SERVFAIL = 2;
const REFUSED = 5;

type Datagrams = Awaited<ReturnType<typeof Bun.udpSocket>> & { send(data: Uint8Array): boolean };

export class Upstreams implements Disposable {
  readonly #channels: readonly Channel[];
  #pending = 0;

  constructor(servers: readonly Upstream[], namespace: HeldNamespace) {
    this.#channels = servers.slice(0, serversTried).map((server) => new Channel(server, namespace));
  }

  /** The answer of the first server that has one, its id the query's; null when none has. */
  async ask(query: Buffer, tcp: boolean): Promise<Buffer | null> {
    if (this.#pending >= concurrent) return null;
    this.#pending++;
    try {
      let refused: Buffer | null = null;
      for (const channel of this.#channels) {
        const answer = await (tcp ? channel.askTcp(query) : channel.ask(query)).catch(() => null);
        if (!answer) continue;
        if (rcodeOf(answer) !== SERVFAIL && rcodeOf(answer) !== REFUSED) return answer;
        refused = answer;
      }
      return refused;
    } finally {
      this.#pending--;
    }
  }

  [Symbol.dispose](): void {
    for (const channel of this.#channels) channel[Symbol.dispose]();
  }
}

interface Waiting {
  readonly question: Buffer;
  settle(answer: Buffer | null): void;
}

class Channel implements Disposable {
  readonly #server: Upstream;
  readonly #namespace: HeldNamespace;
  #socket: Promise<Datagrams> | null = null;
  #idle: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting = new Map<number, Waiting>();

  constructor(server: Upstream, namespace: HeldNamespace) {
    this.#server = server;
    this.#namespace = namespace;
  }

  async ask(query: Buffer): Promise<Buffer | null> {
    clearTimeout(this.#idle);
    this.#socket ??= this.#open();
    const opening = this.#socket;
    const socket = await opening.catch((error: unknown) => {
      // There may be a way to the server when the next one asks: a container gets its routes at any time.
      if (this.#socket === opening) this.#socket = null;
      throw error;
    });
    let id = randomInt(0x10000);
    while (this.#waiting.has(id)) id = randomInt(0x10000);
    const sent = Buffer.from(query);
    sent.writeUInt16BE(id, 0);
    const answer = await new Promise<Buffer | null>((resolve) => {
      const late = setTimeout(() => resolve(null), serverMs);
      const settle = (found: Buffer | null): void => {
        clearTimeout(late);
        resolve(found);
      };
      this.#waiting.set(id, { question: sent.subarray(12, questionEnd(sent)), settle });
      try {
        socket.send(sent);
      } catch {
        // What became of an earlier datagram: nobody listens there.
        settle(null);
      }
    });
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => this.#close(), idleMs);
    answer?.writeUInt16BE(query.readUInt16BE(0), 0);
    return answer;
  }

  /** One connection per question: the rare case of an answer that was too long for a datagram. */
  askTcp(query: Buffer): Promise<Buffer | null> {
    const reader = new MessageReader();
    return new Promise((resolve, reject) => {
      const connecting = this.#inside(() =>
        Bun.connect({
          hostname: this.#server.address,
          port: 53,
          socket: {
            open: (socket) => void socket.write(framed(query)),
            data: (socket, bytes) => {
              const [answer] = reader.push(bytes);
              if (!answer) return;
              resolve(answer);
              socket.end();
            },
            close: () => resolve(null),
            error: (_socket, error) => reject(error),
          },
        }),
      );
      connecting.catch(reject);
      const late = setTimeout(() => {
        resolve(null);
        connecting.then((socket) => socket.terminate()).catch(() => {});
      }, serverMs);
      void connecting.finally(() => clearTimeout(late)).catch(() => {});
    });
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #open(): Promise<Datagrams> {
    return this.#inside(() =>
      Bun.udpSocket({
        hostname: isIPv6(this.#server.address) ? "::" : "0.0.0.0",
        connect: { hostname: this.#server.address, port: 53 },
        socket: {
          data: (_socket, bytes) => this.#received(Buffer.from(bytes)),
          // Nobody listens there: whoever waits asks the next server at once.
          error: () => this.#giveUp(),
        },
      }),
    ) as Promise<Datagrams>;
  }

  #received(message: Buffer): void {
    if (message.length < 12) return;
    const waiting = this.#waiting.get(message.readUInt16BE(0));
    if (waiting?.question.equals(message.subarray(12, questionEnd(message)))) waiting.settle(message);
  }

  #giveUp(): void {
    for (const { settle } of this.#waiting.values()) settle(null);
  }

  #close(): void {
    clearTimeout(this.#idle);
    this.#giveUp();
    const socket = this.#socket;
    this.#socket = null;
    void socket?.then((open) => open.close()).catch(() => {});
  }

  #inside<T>(make: () => T): T {
    return this.#server.fromHost ? make() : inNamespace(this.#namespace, make);
  }
}
