/** What a build tells its client while it goes, in BuildKit's words: vertices, what moves in them, their output, warnings. */
import type { StatusResponse } from "../../../api/buildkit/control.ts";
import { timestamp } from "../../../api/buildkit/types.ts";
import type { Written } from "../../../lib/protobuf/message.ts";

type Status = Written<typeof StatusResponse>;
type VertexUpdate = NonNullable<Status["vertexes"]>[number];
type Warning = Omit<NonNullable<Status["warnings"]>[number], "vertex">;

/** Most bytes of one vertex's output that are told; BuildKit's own limit. */
const maxLogBytes = 2 << 20;

/** Updates, and bytes of them, that a client which comes late or reads slowly is still told; then the oldest go. */
const mostUpdates = 100_000;
const maxUpdateBytes = 64 << 20;

/** The same of builds that are over. */
const mostKeptUpdates = 10_000;
const maxKeptBytes = 1 << 20;

/** Most of both that go in one message. */
const mostTogether = 500;
const maxTogetherBytes = 1 << 20;

/** One thing that is done. It is told of from its `start` on. */
export class Vertex {
  readonly digest: string;
  readonly #progress: BuildProgress;
  readonly #name: string;
  readonly #inputs: readonly string[];
  #started: number | undefined;
  #logged = 0;

  constructor(progress: BuildProgress, digest: string, name: string, inputs: readonly string[]) {
    this.#progress = progress;
    this.digest = digest;
    this.#name = name;
    this.#inputs = inputs;
  }

  get isStarted(): boolean {
    return this.#started !== undefined;
  }

  start(): this {
    this.#started = Date.now();
    this.#tell({});
    return this;
  }

  finish(end: { readonly cached?: boolean; readonly error?: string } = {}): void {
    this.#tell({ completed: timestamp(Date.now()), ...end });
  }

  #tell(change: VertexUpdate): void {
    const known = { digest: this.digest, name: this.#name, inputs: this.#inputs, started: timestamp(this.#started!) };
    this.#progress.add({ vertexes: [{ ...known, ...change }] });
  }

  log(stream: "stdout" | "stderr", bytes: Uint8Array): void {
    if (this.#logged > maxLogBytes) return;
    const room = maxLogBytes - this.#logged;
    this.#logged += bytes.length;
    const note = `\n[output clipped, log limit ${maxLogBytes >> 20}MiB reached]\n`;
    const msg = bytes.length <= room ? bytes : Buffer.concat([bytes.subarray(0, room), Buffer.from(note)]);
    const log = { vertex: this.digest, timestamp: timestamp(Date.now()), stream: stream === "stdout" ? 1 : 2, msg };
    this.#progress.add({ logs: [log] });
  }

  /** Begins something that moves inside of it. */
  status(id: string): { move(current: number, total?: number): void; finish(current?: number): void } {
    const started = timestamp(Date.now());
    const tell = (change: object): void => {
      const now = timestamp(Date.now());
      this.#progress.add({ statuses: [{ id, vertex: this.digest, name: id, started, timestamp: now, ...change }] });
    };
    tell({});
    return {
      move: (current, total = 0) => tell({ current, total }),
      finish: (current = 0) => tell({ current, total: current, completed: timestamp(Date.now()) }),
    };
  }

  warn(warning: Warning): void {
    this.#progress.add({ warnings: [{ ...warning, vertex: this.digest }] });
  }
}

export class BuildProgress {
  #updates: { readonly status: Status; readonly bytes: number }[] = [];
  #bytes = 0;
  #dropped = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();
  readonly #ref: string;
  readonly counts = { cached: 0, total: 0, completed: 0, warnings: 0 };

  /** Clients take vertices of one digest for one, also those of several builds: `ref` tells builds apart. */
  constructor(ref: string) {
    this.#ref = ref;
  }

  /** `key` tells vertices of one name apart. */
  vertex(name: string, key: string = name, inputs: readonly string[] = []): Vertex {
    const digest = new Bun.CryptoHasher("sha256").update(JSON.stringify([this.#ref, key, name])).digest("hex");
    return new Vertex(this, `sha256:${digest}`, name, inputs);
  }

  add(update: Status): void {
    if (this.#isOver) return;
    this.#count(update);
    const bytes = sizeOf(update);
    this.#updates.push({ status: update, bytes });
    this.#bytes += bytes;
    if (this.#updates.length > mostUpdates || this.#bytes > maxUpdateBytes) this.#drop();
    this.#tellFollowers();
  }

  #drop(): void {
    let count = 0;
    while (
      count < this.#updates.length &&
      (this.#updates.length - count > mostUpdates / 2 || this.#bytes > maxUpdateBytes / 2)
    ) {
      this.#bytes -= this.#updates[count]!.bytes;
      count++;
    }
    this.#updates.splice(0, count);
    this.#dropped += count;
  }

  #tellFollowers(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #count({ vertexes = [], warnings = [] }: Status): void {
    for (const { completed, cached } of vertexes) {
      if (completed === undefined) this.counts.total++;
      else this.counts.completed++;
      if (completed !== undefined && cached) this.counts.cached++;
    }
    this.counts.warnings += warnings.length;
  }

  end(): void {
    this.#isOver = true;
    this.#tellFollowers();
  }

  /** What is kept of a build that is over, for who asks later: the newest, output before all else left away. */
  kept(): BuildProgress {
    const copy = new BuildProgress(this.#ref);
    let room = maxKeptBytes;
    for (const update of this.#updates.slice(-mostKeptUpdates).reverse()) {
      const hasOutput = (update.status.logs?.length ?? 0) > 0;
      if (hasOutput && update.bytes > room) continue;
      if (hasOutput) room -= update.bytes;
      copy.#updates.push(update);
    }
    copy.#updates.reverse();
    copy.#isOver = true;
    return copy;
  }

  #together(from: number): Status[] {
    const gathered: Status[] = [];
    let total = 0;
    for (const { status, bytes } of this.#updates.slice(from, from + mostTogether)) {
      total += bytes;
      if (gathered.length > 0 && total > maxTogetherBytes) break;
      gathered.push(status);
    }
    return gathered;
  }

  /** From the beginning to the end of the build, what has gathered in one piece. */
  async *follow(signal: AbortSignal): AsyncGenerator<Status> {
    const aborted = Promise.withResolvers<void>();
    const leave = (): void => aborted.resolve();
    signal.addEventListener("abort", leave, { once: true });
    try {
      let next = 0;
      while (!signal.aborted) {
        const from = Math.max(0, next - this.#dropped);
        const gathered = this.#together(from);
        next = this.#dropped + from + gathered.length;
        if (gathered.length > 0) yield merged(gathered);
        else if (this.#isOver) return;
        else await Promise.race([this.#changed.promise, aborted.promise]);
      }
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}

/** About what it takes. */
function sizeOf({ logs = [], warnings = [] }: Status): number {
  let bytes = 200;
  for (const { msg } of logs) bytes += msg?.length ?? 0;
  for (const { short, info, detail = [] } of warnings) {
    bytes += (short?.length ?? 0) + (info?.data?.length ?? 0);
    for (const line of detail) bytes += line.length;
  }
  return bytes;
}

const merged = (updates: readonly Status[]): Status => ({
  vertexes: updates.flatMap(({ vertexes = [] }) => vertexes),
  statuses: updates.flatMap(({ statuses = [] }) => statuses),
  logs: updates.flatMap(({ logs = [] }) => logs),
  warnings: updates.flatMap(({ warnings = [] }) => warnings),
});
