/** `up` in the foreground: the logs of the project's containers, until they have ended or someone says so. */
import type { EventMessage } from "../../api/events.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { filterQuery, to } from "../../client/route-call.ts";
import { labels } from "../../compose/labels.ts";
import type { Project } from "../../compose/model/project.ts";
import { printLog } from "./follow.ts";
import { type LogPrinter, shortName } from "./log-printer.ts";

export interface AttachOptions {
  /** The services whose lines are shown. */
  readonly shown: ReadonlySet<string>;
  readonly timestamps: boolean;
  /** Called for each end of a container. */
  readonly onExit: (service: string, code: number) => void;
}

/** Follows a project by its events: a container's log from each start on, its end in words. */
export class AttachedLogs {
  readonly #client: Client;
  readonly #project: Project;
  readonly #printer: LogPrinter;
  readonly #options: AttachOptions;
  readonly #abort = new AbortController();
  readonly #running = new Set<string>();
  /** The log that is being printed, by container. */
  readonly #logs = new Map<string, Promise<void>>();
  /** Containers made while we listen: everything in their logs is new. */
  readonly #fresh = new Set<string>();
  /** When each container last ended, as a log's `since`: a first line may be older than the event that tells of the start. */
  readonly #ends = new Map<string, string>();
  #begin = "";
  #idle = Promise.withResolvers<void>();
  #watching: Promise<void> = Promise.resolve();

  constructor(client: Client, project: Project, printer: LogPrinter, options: AttachOptions) {
    this.#client = client;
    this.#project = project;
    this.#printer = printer;
    this.#options = options;
  }

  /** Begins to listen; what starts from now on is shown. */
  async open(): Promise<void> {
    const filters = filterQuery({
      type: ["container"],
      label: [`${labels.project}=${this.#project.name}`, `${labels.oneoff}=False`],
      event: ["create", "start", "die"],
    });
    const since = (Date.now() / 1000).toFixed(9);
    this.#begin = since;
    const events = this.#client.jsonStream<EventMessage>(to(paths.events, {}, { since, filters }), {
      signal: this.#abort.signal,
    });
    this.#watching = (async () => {
      for await (const event of events) this.#take(event);
    })().catch(() => undefined);
  }

  /** Shows what a container that runs already writes from now on. */
  attachRunning(id: string, service: string, name: string): void {
    this.#running.add(id);
    this.#follow(id, service, name, String(Math.floor(Date.now() / 1000)));
  }

  /** Answers when no container of a shown service runs any more. */
  async ended(): Promise<void> {
    if (this.#running.size > 0) await this.#idle.promise;
    await Promise.all(this.#logs.values());
  }

  /** Ends it; what has been written so far is printed. */
  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#logs.values()), Bun.sleep(200)]);
    this.#abort.abort();
    await this.#watching;
  }

  #take({ Action, Actor, timeNano }: EventMessage): void {
    const service = Actor.Attributes[labels.service] ?? "";
    const name = Actor.Attributes.name ?? "";
    if (Action === "create") {
      this.#fresh.add(Actor.ID);
      return;
    }
    if (Action === "start") {
      if (this.#options.shown.has(service)) this.#running.add(Actor.ID);
      const since = this.#ends.get(Actor.ID) ?? (this.#fresh.has(Actor.ID) ? "" : this.#begin);
      this.#follow(Actor.ID, service, name, since);
      return;
    }
    const time = BigInt(timeNano);
    this.#ends.set(Actor.ID, `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, "0")}`);
    const code = Number(Actor.Attributes.exitCode ?? 0);
    const wasRunning = this.#running.delete(Actor.ID);
    void Promise.race([this.#logs.get(Actor.ID), Bun.sleep(1000)]).then(() => {
      if (this.#options.shown.has(service) && wasRunning)
        this.#printer.status(`${shortName(this.#project.name, name)} exited with code ${code}`);
      this.#options.onExit(service, code);
      if (this.#running.size === 0) this.#idle.resolve();
    });
  }

  #follow(id: string, service: string, name: string, since: string): void {
    if (!this.#options.shown.has(service)) return;
    const container = { id, name: shortName(this.#project.name, name.replace(/^[0-9a-f]{12}_/, "")) };
    const query = { follow: true, since, timestamps: this.#options.timestamps };
    const log: Promise<void> = printLog(this.#client, this.#printer, container, query, this.#abort.signal)
      .catch(() => undefined)
      .finally(() => void (this.#logs.get(id) === log && this.#logs.delete(id)));
    this.#logs.set(id, log);
  }
}
