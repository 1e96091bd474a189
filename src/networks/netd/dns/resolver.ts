/** The server at 127.0.0.11 of one container: its sockets are netd's, opened in the container's namespace. */
import type { Socket } from "bun";
import { type HeldNamespace, inNamespace, namespaceNumber } from "../../../linux/netns.ts";
import { findUdpSocket, sharedPort, turnAway } from "../../../linux/udp-socket.ts";
import { answerLocally, failure, type NameView, SERVFAIL } from "./answer.ts";
import { framed, MessageReader } from "./framing.ts";
import { redirect } from "./redirect.ts";
import { resolverAddress } from "./resolver-address.ts";
import { type Upstream, Upstreams } from "./upstream.ts";

/** How a container resolves what is no container's name. */
export interface ResolverSpec {
  readonly servers: readonly Upstream[];
}

export interface ResolverOptions {
  /** The container's. */
  readonly namespace: HeldNamespace;
  readonly spec: ResolverSpec;
  /** What the container sees now. */
  view(): NameView;
  /** False while all of its networks are internal: nothing of what it asks may leave the host. */
  forwards(): boolean;
}

/** Connections of one container at once, queries that one of them may send together, and how long a silent one stays. */
const connections = 64;
const pipelined = 128;
const silentSeconds = 10;

/**
 * Datagrams of one container that are answered in one turn of the event loop. Bun reads a socket until it is empty, which
 * under a flood it never is, and nobody else's would be read: then a second socket takes the port over, and the first is read to
 * its end.
 */
const perTurn = 1024;

interface Connection {
  readonly reader: MessageReader;
}

export class Resolver implements Disposable {
  readonly #options: ResolverOptions;
  readonly #upstreams: Upstreams;
  readonly #sockets: Disposable[] = [];
  #udp: Bun.udp.Socket<"buffer"> | null = null;
  #open = 0;
  #thisTurn = 0;
  #closed = false;

  private constructor(options: ResolverOptions) {
    this.#options = options;
    this.#upstreams = new Upstreams(options.spec.servers, options.namespace);
  }

  /** Answers from when the promise is fulfilled; nothing is left when it is not. */
  static async start(options: ResolverOptions): Promise<Resolver> {
    const resolver = new Resolver(options);
    try {
      await resolver.#listen();
      return resolver;
    } catch (error) {
      resolver[Symbol.dispose]();
      throw error;
    }
  }

  get spec(): ResolverSpec {
    return this.#options.spec;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#udp?.close();
    for (const socket of this.#sockets.splice(0)) socket[Symbol.dispose]();
    this.#upstreams[Symbol.dispose]();
  }

  async #listen(): Promise<void> {
    const { namespace } = this.#options;
    // Sockets belong to the namespace in which they are made, whoever reads them.
    const { datagrams, stream } = inNamespace(namespace, () => ({
      stream: this.#listenTcp(),
      datagrams: this.#listenUdp(0),
    }));
    this.#sockets.push({ [Symbol.dispose]: () => stream.stop(true) });
    const udp = await datagrams;
    this.#udp = udp;
    inNamespace(namespace, () => redirect({ udp: udp.port, tcp: stream.port }));
  }

  #listenUdp(ownPort: number): Promise<Bun.udp.Socket<"buffer">> {
    let isRelieved = false;
    return Bun.udpSocket({
      ...sharedPort,
      hostname: resolverAddress,
      port: ownPort,
      socket: {
        data: (socket, query, port, address) => {
          if (socket.closed) return;
          if (!isRelieved && this.#isFlood()) {
            isRelieved = true;
            this.#relieve(socket);
          }
          const local = answerLocally(query, this.#options.view(), false);
          if (local === "drop") return;
          if (local !== "forward") return reply(socket, local, port, address);
          void this.#forward(Buffer.from(query), false).then((answer) => {
            if (!socket.closed) reply(socket, answer, port, address);
          });
        },
        error: () => {},
      },
    });
  }

  #isFlood(): boolean {
    if (this.#thisTurn === 0) {
      setImmediate(() => {
        this.#thisTurn = 0;
      });
    }
    return ++this.#thisTurn > perTurn;
  }

  /** By a socket on the same port, to which the redirect and every tracked flow lead. */
  #relieve(socket: Bun.udp.Socket<"buffer">): void {
    const { port } = socket;
    const namespace = namespaceNumber(this.#options.namespace);
    const fd = findUdpSocket({ namespace, address: resolverAddress, port });
    void this.#listenAgain(port);
    if (fd !== null) turnAway(fd, resolverAddress);
    setImmediate(() => socket.close());
  }

  async #listenAgain(port: number): Promise<void> {
    try {
      this.#udp = await inNamespace(this.#options.namespace, () => this.#listenUdp(port));
      if (this.#closed) this.#udp.close();
    } catch (error) {
      process.stderr.write(`netd: a container's names are lost after a flood of queries: ${error}\n`);
    }
  }

  #listenTcp() {
    return Bun.listen<Connection>({
      hostname: resolverAddress,
      port: 0,
      socket: {
        open: (socket) => {
          this.#open++;
          socket.data = { reader: new MessageReader() };
          if (this.#open > connections) socket.terminate();
          else socket.timeout(silentSeconds);
        },
        data: (socket, bytes) => {
          socket.timeout(silentSeconds);
          const queries = socket.data.reader.push(bytes);
          if (queries.length > pipelined) return void socket.terminate();
          for (const query of queries) {
            this.#answerTcp(socket, query).catch(() => socket.terminate());
          }
        },
        timeout: (socket) => void socket.terminate(),
        close: () => void this.#open--,
        error: (socket) => void socket.terminate(),
      },
    });
  }

  async #answerTcp(socket: Socket<Connection>, query: Buffer): Promise<void> {
    const local = answerLocally(query, this.#options.view(), true);
    if (local === "drop") socket.terminate();
    else socket.write(framed(local === "forward" ? await this.#forward(query, true) : local));
  }

  async #forward(query: Buffer, tcp: boolean): Promise<Buffer> {
    const answer = this.#options.forwards() ? await this.#upstreams.ask(query, tcp) : null;
    return answer ?? failure(query, SERVFAIL);
  }
}

/** Whoever asked may have gone meanwhile, which the next send on the socket reports (ECONNREFUSED), to whomever it goes. */
function reply(socket: Bun.udp.Socket<"buffer">, answer: Buffer, port: number, address: string): void {
  for (let tries = 0; tries < 2; tries++) {
    try {
      socket.send(answer, port, address);
      return;
    } catch {}
  }
}
