/** Clients that attached to processes before their start. */
import type { Socket } from "node:net";
import type { Subscriber } from "./output.ts";

/** By the key of a process. */
export class StartWaiters {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #listeners = new Map<string, Set<() => void>>();

  /** Lets a client hear the process from its first byte on. */
  add(key: string, subscriber: Subscriber): void {
    const set = this.#subscribers.get(key) ?? new Set();
    this.#subscribers.set(key, set.add(subscriber));
    subscriber.socket.once("close", () => {
      set.delete(subscriber);
      if (set.size === 0 && this.#subscribers.get(key) === set) this.#subscribers.delete(key);
    });
  }

  /** Who waited for the process, which is there now and gets them. */
  take(key: string): Iterable<Subscriber> {
    const subscribers = this.#subscribers.get(key) ?? [];
    this.#subscribers.delete(key);
    return subscribers;
  }

  /** Sends those away who waited for a start that failed. */
  dismiss(key: string): void {
    for (const { socket } of this.take(key)) socket.end();
  }

  /** Resolves when a start has ended, well or not, or the client is gone. */
  settled(key: string, socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      const listeners = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, listeners.add(resolve));
      socket.once("close", resolve);
    });
  }

  tellSettled(key: string): void {
    for (const tell of this.#listeners.get(key) ?? []) tell();
    this.#listeners.delete(key);
  }
}
