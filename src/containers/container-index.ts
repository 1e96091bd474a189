import { conflict, invalidArgument, notFound } from "../lib/errors.ts";
import type { Container } from "./container.ts";

/** The containers by id, by prefix and by name, and the names that a create in progress holds. */
export class ContainerIndex {
  readonly #byId = new Map<string, Container>();
  readonly #idByName = new Map<string, string>();

  /** Those that were made with links: few, while lists ask each container who links to it. */
  readonly #linking = new Set<Container>();

  linking(): readonly Container[] {
    return [...this.#linking];
  }

  all(): Container[] {
    return [...this.#byId.values()];
  }

  find(ref: string): Container | undefined {
    const name = ref.startsWith("/") ? ref.slice(1) : ref;
    const exact = this.#byId.get(ref) ?? this.#byId.get(this.#idByName.get(name) ?? "");
    if (exact) return exact;
    if (name.includes("/")) return this.#linked(name);
    if (!/^[0-9a-f]{1,63}$/.test(ref)) return undefined;
    let found: Container | undefined;
    for (const [id, container] of this.#byId) {
      if (!id.startsWith(ref)) continue;
      if (found) throw invalidArgument(`multiple IDs found with provided prefix: ${ref}`);
      found = container;
    }
    return found;
  }

  /** What one container links to, by `PARENT/ALIAS`. */
  #linked(name: string): Container | undefined {
    const [parent = "", alias] = name.split("/");
    const links = this.#byId.get(this.#idByName.get(parent) ?? "")?.record.links;
    return this.#byId.get(links?.find((link) => link.alias === alias)?.id ?? "");
  }

  get(ref: string): Container {
    const container = this.find(ref);
    if (!container) throw notFound(`No such container: ${ref}`);
    return container;
  }

  isTaken(name: string): boolean {
    return this.#idByName.has(name);
  }

  /** Takes `name` for `id` before there is a container; throws `conflict` in dockerd's words. */
  reserve(name: string, id: string): void {
    const holder = this.#idByName.get(name);
    if (holder !== undefined && holder !== id) throw nameConflict(name, holder);
    this.#idByName.set(name, id);
  }

  release(name: string, id: string): void {
    if (this.#idByName.get(name) === id) this.#idByName.delete(name);
  }

  add(container: Container): void {
    this.#byId.set(container.id, container);
    this.#idByName.set(container.name, container.id);
    if (container.record.links?.length) this.#linking.add(container);
  }

  delete(container: Container): void {
    this.#byId.delete(container.id);
    this.#linking.delete(container);
    this.release(container.name, container.id);
  }
}

export function nameConflict(name: string, holder: string): Error {
  return conflict(
    `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}
