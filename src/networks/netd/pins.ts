/**
 * How namespaces are kept and found. A namespace without a process is kept by a pin, a bind mount (network_namespaces(7)), for it
 * has to outlive a netd that dies; what others enter is a link to the pin. Once a process is in it the link leads to that process
 * and the pin goes, for every mount of the engine's lengthens each start.
 */
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { createNamespace, type HeldNamespace, namespaceNumber, unpinNamespace } from "../../linux/netns.ts";

export class Pins {
  readonly #links: string;
  readonly #pins: string;

  /** Links are in `directory`, pins beside it. */
  constructor(directory: string) {
    this.#links = directory;
    this.#pins = `${directory}-pins`;
    for (const one of [this.#links, this.#pins]) mkdirSync(one, { recursive: true, mode: 0o700 });
  }

  /** Makes a namespace and runs `inside` in it; nothing is left when a step fails. */
  create<T>(name: string, inside: () => T): { path: string; fd: number; made: T } {
    const pin = join(this.#pins, name);
    const { fd, made } = createNamespace(pin, inside);
    const path = join(this.#links, name);
    try {
      symlinkSync(pin, path);
      return { path, fd, made };
    } catch (error) {
      closeSync(fd);
      unpinNamespace(pin);
      throw error;
    }
  }

  /**
   * A descriptor of the namespace at `path`, made by an earlier netd. Throws when it is gone, or is another than that `number`: the
   * link may lead to a process that has the id of one that ended.
   */
  open(path: string, number: number | undefined): number {
    const fd = openSync(path, "r");
    if (number === undefined || namespaceNumber({ fd }) === number) return fd;
    closeSync(fd);
    throw new Error(`namespace ${path} is gone`);
  }

  /** Leaves the namespace to the process `pid` that is in it. Throws when it is not. */
  leaveTo(pid: number, path: string, namespace: HeldNamespace): void {
    // Those of older netds are mounts themselves, and stay it.
    if (!lstatSync(path).isSymbolicLink()) return;
    const own = `/proc/${pid}/ns/net`;
    closeSync(this.open(own, namespaceNumber(namespace)));
    const next = `${path}.next`;
    unpinNamespace(next);
    symlinkSync(own, next);
    renameSync(next, path);
    unpinNamespace(this.#pinOf(path));
  }

  drop(path: string): void {
    unpinNamespace(path);
    unpinNamespace(this.#pinOf(path));
  }

  /** Drops all but those at the paths in `kept`, and pins that no link leads to; answers how many. */
  sweep(kept: ReadonlySet<string>): number {
    const strayLinks = readdirSync(this.#links)
      .map((name) => join(this.#links, name))
      .filter((path) => !kept.has(path));
    for (const path of strayLinks) this.drop(path);
    const strayPins = readdirSync(this.#pins).filter((name) => targetOf(join(this.#links, name)) !== this.#pinAt(name));
    for (const name of strayPins) unpinNamespace(this.#pinAt(name));
    return strayLinks.length + strayPins.length;
  }

  #pinOf(path: string): string {
    return this.#pinAt(basename(path));
  }

  #pinAt(name: string): string {
    return join(this.#pins, name);
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
