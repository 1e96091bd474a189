/** Tells listeners what happens in the registry. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { type FlagValues, UsageError } from "../../lib/flags.ts";
import { headerIn } from "../browsers.ts";
import type { registryFlags } from "../flags.ts";
import { type Asker, actions, type EventAction, eventOf, type Happening } from "./event.ts";
import { Listener } from "./listener.ts";

export interface NotificationOptions {
  readonly urls: readonly URL[];
  readonly headers: ReadonlyMap<string, string>;
  /** What is told. */
  readonly actions: ReadonlySet<EventAction>;
}

/** Throws {@link UsageError}. */
export function notificationOptions(values: FlagValues<typeof registryFlags>): NotificationOptions {
  const { notify, "notify-headers": file, "notify-actions": wanted } = values;
  if (notify.length === 0 && (file !== "" || wanted.length > 0))
    throw new UsageError("--notify-headers and --notify-actions need --notify");
  const unknown = wanted.find((name) => !(actions as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new UsageError(`invalid --notify-actions ${JSON.stringify(unknown)}: expected ${actions.join(", ")}`);
  const lines = file === "" ? [] : readFileSync(file, "utf8").split("\n");
  return {
    urls: notify.map(listenerIn),
    headers: new Map(lines.filter((line) => line.trim() !== "").map((line) => headerIn("--notify-headers", line))),
    actions: new Set(wanted.length === 0 ? actions : (wanted as EventAction[])),
  };
}

function listenerIn(text: string): URL {
  const url = URL.parse(text);
  // Not quoted: it may hold a password.
  if (url !== null && url.username + url.password !== "")
    throw new UsageError("--notify holds credentials: put them into the file of --notify-headers");
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError("invalid --notify: expected https://HOST/PATH");
  return url;
}

export class Notifications {
  readonly #actions: ReadonlySet<EventAction>;
  readonly #listeners: readonly Listener[];
  readonly #source: { readonly addr: string; readonly instanceID: string };

  constructor(
    { urls, headers, actions }: NotificationOptions,
    { port, count, log }: { port: number } & Pick<ConstructorParameters<typeof Listener>[0], "count" | "log">,
  ) {
    this.#actions = actions;
    this.#listeners = urls.map((url) => new Listener({ url, headers, count, log }));
    this.#source = { addr: `${hostname()}:${port}`, instanceID: randomUUID() };
  }

  tell(happening: Happening, asker: Asker): void {
    if (this.#listeners.length === 0 || !this.#actions.has(happening.action)) return;
    const event = eventOf(happening, asker, this.#source);
    for (const listener of this.#listeners) listener.tell(event);
  }

  /** Tells what waits, for so long at most. */
  async end(milliseconds: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.end(milliseconds)));
  }
}
