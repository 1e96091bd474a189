/** The logs of a project's containers as they come and go, for `up` in the foreground and `logs --follow`. */
import type { ContainerInspectResponse } from "../../api/containers.ts";
import type { EventMessage } from "../../api/events.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { filterQuery, to } from "../../client/route-call.ts";
import { labels } from "../../compose/labels.ts";
import type { Project } from "../../compose/model/project.ts";
import type { ObservedContainer } from "../../compose/observe.ts";
import { isRunning } from "../../compose/plan/start.ts";
import { type LogQuery, printLog } from "./follow.ts";
import { type LogPrinter, shortName } from "./log-printer.ts";

export interface AttachOptions {
  /** The services whose lines are shown. */
  readonly shown: ReadonlySet<string>;
  readonly timestamps: boolean;
  /** Called for each end of a container. */
  readonly onExit?: (service: string, code: number) => void;
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
  /** Ends that are being told. */
  readonly #ending = new Set<Promise<void>>();
  /** Containers whose start the events have told. */
  readonly #started = new Set<string>();
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
      event: ["create", "start", "die", "destroy"],
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

  /** Shows what a container that is there already has written, as `query` says, and goes on with what it writes. */
  attach(container: ObservedContainer, query: Partial<LogQuery>): void {
    const { id, service, name } = container;
    if (isRunning(container) && this.#options.shown.has(service) && !this.#ends.has(id)) this.#running.add(id);
    this.#follow(id, service, name, query);
  }

  /** A start that has been answered: the event that tells of it, and perhaps of its end, may be on its way yet. */
  noteStart(id: string, service: string): void {
    if (this.#options.shown.has(service) && !this.#started.has(id)) this.#running.add(id);
  }

  /** Answers when no container of a shown service runs any more and all is printed. */
  async ended(): Promise<void> {
    while (this.#running.size + this.#ending.size > 0) {
      if (this.#ending.size > 0) await Promise.all(this.#ending);
      else await this.#idle.promise;
    }
    await Promise.all(this.#logs.values());
  }

  /** Ends it; what has been written so far is printed. */
  async close(): Promise<void> {
    await Promise.race([this.ended(), Bun.sleep(200)]);
    this.#abort.abort();
    await this.#watching;
  }

  #take({ Action, Actor, timeNano }: EventMessage): void {
    const service = Actor.Attributes[labels.service] ?? "";
    const name = Actor.Attributes.name ?? "";
    if (Action === "create") {
      this.#fresh.add(Actor.ID);
      // It is there before the one that it replaces ends: the service goes on.
      if (Actor.Attributes[labels.replace] && this.#options.shown.has(service)) this.#running.add(Actor.ID);
      return;
    }
    if (Action === "destroy") {
      if (this.#running.delete(Actor.ID)) this.#checkIdle();
      return;
    }
    if (Action === "start") {
      this.#started.add(Actor.ID);
      if (this.#options.shown.has(service)) this.#running.add(Actor.ID);
      const since = this.#ends.get(Actor.ID) ?? (this.#fresh.has(Actor.ID) ? "" : this.#begin);
      this.#follow(Actor.ID, service, name, { since });
      return;
    }
    const time = BigInt(timeNano);
    this.#ends.set(Actor.ID, `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, "0")}`);
    const code = Number(Actor.Attributes.exitCode ?? 0);
    const wasRunning = this.#running.delete(Actor.ID);
    const end = this.#end(Actor.ID, shortName(this.#project.name, name), service, code, wasRunning);
    this.#ending.add(end);
    void end.finally(() => this.#ending.delete(end));
  }

  async #end(id: string, name: string, service: string, code: number, wasRunning: boolean): Promise<void> {
    const [comesBack] = await Promise.all([this.#comesBack(id), Promise.race([this.#logs.get(id), Bun.sleep(1000)])]);
    const shown = this.#options.shown.has(service);
    if (shown && wasRunning)
      this.#printer.status(`${name} exited with code ${code}${comesBack ? " (restarting)" : ""}`);
    if (shown && comesBack) this.#running.add(id);
    this.#options.onExit?.(service, code);
    this.#checkIdle();
  }

  /** Whether its policy, or somebody, starts it again. */
  async #comesBack(id: string): Promise<boolean> {
    const found = await this.#client
      .json<ContainerInspectResponse>(to(paths.containerInspect, { id }))
      .catch(() => null);
    return found !== null && (found.State.Restarting || found.State.Running);
  }

  #checkIdle(): void {
    if (this.#running.size > 0) return;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }

  #follow(id: string, service: string, name: string, given: Partial<LogQuery>): void {
    if (!this.#options.shown.has(service)) return;
    const container = { id, name: shortName(this.#project.name, name.replace(/^[0-9a-f]{12}_/, "")) };
    const query = { follow: true, timestamps: this.#options.timestamps, ...given };
    const log: Promise<void> = printLog(this.#client, this.#printer, container, query, this.#abort.signal)
      .catch(() => undefined)
      .finally(() => void (this.#logs.get(id) === log && this.#logs.delete(id)));
    this.#logs.set(id, log);
  }
}
