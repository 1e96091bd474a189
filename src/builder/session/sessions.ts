/** Clients that serve what builds ask them for: one session each, by the id that the client chose. */
import type { Duplex } from "node:stream";
import { canceled, invalidArgument, notFound } from "../../lib/errors.ts";
import { GrpcClient } from "../../lib/grpc/client.ts";
import type { Method, Streams } from "../../lib/grpc/service.ts";
import type { Fields } from "../../lib/protobuf/message.ts";

/** What a client says of its session when it opens it. */
export interface SessionFacts {
  readonly id: string;
  /** Equal for sessions whose files may be kept together; may be "". */
  readonly sharedKey: string;
  /** Paths of the methods that it serves; of any case. */
  readonly methods: ReadonlySet<string>;
}

export class ClientSession implements AsyncDisposable {
  readonly facts: SessionFacts;
  readonly client: GrpcClient;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;

  constructor(connection: Duplex, facts: SessionFacts) {
    this.facts = facts;
    this.client = new GrpcClient(connection);
    const gone = new AbortController();
    this.gone = gone.signal;
    void this.client.closed.then(() => gone.abort(canceled("the client's session ended: context canceled")));
  }

  serves(method: Method<Fields, Fields, Streams>): boolean {
    return this.facts.methods.has(method.path.toLowerCase());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}

/** How long a build waits for the session that it names: both are opened at the same time. */
const patienceMs = 5000;

export class Sessions {
  readonly #sessions = new Map<string, ClientSession>();
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>();

  /** Throws `invalidArgument` for facts that are none; the session ends with the connection. */
  check({ id }: SessionFacts): void {
    if (id === "") throw invalidArgument("the session has no id");
    if (this.#sessions.has(id)) throw invalidArgument(`session ${id} already exists`);
  }

  /** Resolves when the session is over; at once for an id that another has taken since it was checked. */
  async serve(connection: Duplex, facts: SessionFacts): Promise<void> {
    if (this.#sessions.has(facts.id)) {
      connection.destroy();
      return;
    }
    await using session = new ClientSession(connection, facts);
    this.#sessions.set(facts.id, session);
    for (const resolve of this.#waiting.get(facts.id) ?? []) resolve(session);
    this.#waiting.delete(facts.id);
    try {
      await session.client.closed;
    } finally {
      this.#sessions.delete(facts.id);
    }
  }

  async get(id: string, signal: AbortSignal): Promise<ClientSession> {
    const known = this.#sessions.get(id);
    if (known) return known;
    const { promise, resolve, reject } = Promise.withResolvers<ClientSession>();
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(resolve));
    const timer = setTimeout(
      () => reject(notFound(`no active session for ${id}: context deadline exceeded`)),
      patienceMs,
    );
    const leave = (): void => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(id);
    }
  }
}
