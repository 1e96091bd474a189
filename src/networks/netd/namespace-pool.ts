import type { Bridge } from "./bridges.ts";
import type { Namespace } from "./namespaces.ts";

/** Namespaces that are ready before they are asked for: some with a link on the default bridge, and a bare one. */
export class NamespacePool {
  readonly #linked: Namespace[] = [];
  readonly #bare: Namespace[] = [];
  #ended = false;
  #bridge: Bridge | null = null;
  #refill: ReturnType<typeof setTimeout> | null = null;

  /** `size` is how many have a link. */
  constructor(
    private readonly size: number,
    private readonly make: (bridge: Bridge | null) => Namespace,
    private readonly drop: (namespace: Namespace) => void,
  ) {}

  /** The bridge that the links are on. */
  get bridge(): Bridge | null {
    return this.#bridge;
  }

  /** From now on links are on `bridge`; null keeps none with a link. */
  on(bridge: Bridge | null): void {
    const same = (key: "mtu" | "icc"): boolean => bridge?.spec[key] === this.#bridge?.spec[key];
    if (bridge?.index !== this.#bridge?.index || !same("mtu") || !same("icc")) this.#empty(this.#linked);
    this.#bridge = bridge;
    this.#refillSoon(0);
  }

  /** A namespace with a link when `linked`, made now where none is ready. */
  take(linked: boolean): Namespace {
    const ready = (linked ? this.#linked : this.#bare).shift();
    this.#refillSoon(30);
    return ready ?? this.make(linked ? this.#bridge : null);
  }

  paths(): string[] {
    return [...this.#linked, ...this.#bare].map(({ path }) => path);
  }

  /** Drops all, and keeps none ready from now on. */
  end(): void {
    if (this.#refill) clearTimeout(this.#refill);
    this.#refill = null;
    this.#ended = true;
    for (const ready of [this.#linked, this.#bare]) this.#empty(ready);
  }

  #empty(ready: Namespace[]): void {
    for (const namespace of ready.splice(0)) this.drop(namespace);
  }

  /** The list that lacks one, and the bridge of what it holds. */
  #lacking(): { ready: Namespace[]; bridge: Bridge | null } | null {
    if (this.#ended) return null;
    if (this.#bridge && this.#linked.length < this.size) return { ready: this.#linked, bridge: this.#bridge };
    return this.#bare.length === 0 ? { ready: this.#bare, bridge: null } : null;
  }

  #refillSoon(delay: number): void {
    if (this.#refill || !this.#lacking()) return;
    this.#refill = setTimeout(() => {
      this.#refill = null;
      const lacking = this.#lacking();
      if (!lacking) return;
      try {
        lacking.ready.push(this.make(lacking.bridge));
      } catch (error) {
        // The next container makes its own and reports what is wrong.
        process.stderr.write(`netd: no spare namespace: ${error}\n`);
        return;
      }
      this.#refillSoon(1);
    }, delay);
  }
}
