/** Builds that clients have asked for, by the reference that each has given its own. */
import { randomUUID } from "node:crypto";
import type { Definition } from "../../../api/buildkit/ops.ts";
import { conflict, notFound, resourceExhausted } from "../../../lib/errors.ts";
import type { GrpcError } from "../../../lib/grpc/status.ts";
import type { Read } from "../../../lib/protobuf/message.ts";
import { BuildProgress } from "./progress.ts";

/** What a frontend is to do. */
export interface FrontendRequest {
  readonly frontend: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, Read<typeof Definition>>;
  readonly cacheImports: readonly { readonly type: string; readonly attrs: ReadonlyMap<string, string> }[];
}

/** How a client's own frontend ends: with one of the results it was promised (null for none), or a failure. */
export type Returned = { readonly result: FrontendRequest | null } | { readonly failure: GrpcError };

/** Results that one build may promise its client. */
const mostPromises = 64;

export class Job {
  readonly ref: string;
  readonly progress: BuildProgress;
  /** Aborts when the client has given up. */
  readonly signal: AbortSignal;
  readonly session: string;
  readonly entitlements: readonly string[];
  readonly #promised = new Map<string, FrontendRequest>();
  readonly returned = Promise.withResolvers<Returned>();
  /** Resolves when nobody asks for it any more. */
  readonly over = Promise.withResolvers<void>();
  /** Builds that begin at results of this one, and so need its client's session. */
  readonly #borrowers = new Set<Job>();

  constructor(ref: string, session: string, entitlements: readonly string[], signal: AbortSignal) {
    this.ref = ref;
    this.progress = new BuildProgress(ref);
    this.session = session;
    this.entitlements = entitlements;
    this.signal = signal;
  }

  /** Notes a result that will be built when it is asked for, under an id for the client. */
  promise(request: FrontendRequest): string {
    if (this.#promised.size >= mostPromises) throw resourceExhausted(`more than ${mostPromises} results of one build`);
    const id = randomUUID();
    this.#promised.set(id, request);
    return id;
  }

  promised(id: string): FrontendRequest | undefined {
    return this.#promised.get(id);
  }

  lend(borrower: Job): void {
    if (borrower !== this) this.#borrowers.add(borrower);
  }

  /** Resolves once all who begin at its results are over, or this one's client has given up. */
  async lent(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.signal.aborted) resolve();
      this.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([Promise.all([...this.#borrowers].map(({ over }) => over.promise)), gone]);
  }
}

/** How long calls wait for the solve that they belong to: clients send them at the same time. */
const patienceMs = 5000;

export class Jobs {
  readonly #jobs = new Map<string, Job>();

  /** A result that a build under way has promised, and that build; other builds of the same client may begin at it. */
  promised(id: string): { readonly job: Job; readonly request: FrontendRequest } | null {
    for (const job of this.#jobs.values()) {
      const request = job.promised(id);
      if (request !== undefined) return { job, request };
    }
    return null;
  }

  readonly #waiting = new Map<string, Set<(job: Job) => void>>();

  /** Throws `conflict` for a reference that is taken. */
  add(job: Job): Disposable {
    if (this.#jobs.has(job.ref)) throw conflict(`job ID ${job.ref} exists`);
    this.#jobs.set(job.ref, job);
    for (const resolve of this.#waiting.get(job.ref) ?? []) resolve(job);
    this.#waiting.delete(job.ref);
    return {
      [Symbol.dispose]: () => {
        this.#jobs.delete(job.ref);
        job.over.resolve();
      },
    };
  }

  async get(ref: string, signal: AbortSignal): Promise<Job> {
    const known = this.#jobs.get(ref);
    if (known) return known;
    const { promise, resolve, reject } = Promise.withResolvers<Job>();
    const waiting = this.#waiting.get(ref) ?? new Set();
    this.#waiting.set(ref, waiting.add(resolve));
    const timer = setTimeout(() => reject(notFound(`no such job ${ref}`)), patienceMs);
    const leave = (): void => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(ref);
    }
  }
}
