/** Who is called what on which network, for all containers of the engine, and how one container sees it. */

/** A container's names on one network. */
export interface EndpointNames {
  /** The network's own name, by which a container's may be qualified: `web.backend`. */
  readonly network: string;
  /** The first is the one that reverse lookups give. */
  readonly names: readonly string[];
  /** Names that only this container has for others: links. */
  readonly aliases: Readonly<Record<string, string>>;
}

interface NetworkNames {
  readonly addresses: Map<string, string[]>;
  readonly names: Map<string, string>;
}

/** Names without regard to case (RFC 4343). */
const fold = (name: string): string => name.toLowerCase();

export class NameTable {
  readonly #networks = new Map<string, NetworkNames>();

  add({ network, names }: EndpointNames, address: string): void {
    const known = this.#networks.get(network) ?? { addresses: new Map(), names: new Map() };
    this.#networks.set(network, known);
    for (const name of new Set(names.map(fold))) {
      known.addresses.set(name, [...(known.addresses.get(name) ?? []), address]);
    }
    if (names[0] !== undefined) known.names.set(address, names[0]);
  }

  remove({ network, names }: EndpointNames, address: string): void {
    const known = this.#networks.get(network);
    if (!known) return;
    for (const name of new Set(names.map(fold))) {
      const left = (known.addresses.get(name) ?? []).filter((one) => one !== address);
      if (left.length > 0) known.addresses.set(name, left);
      else known.addresses.delete(name);
    }
    known.names.delete(address);
    if (known.names.size === 0) this.#networks.delete(network);
  }

  /**
   * Addresses behind a name as a container with these endpoints sees it: only names of its own networks exist for it. A
   * name may end in its network's, and either may hold dots: the whole is tried first, then the longest that a network's
   * name leaves of it. What this costs does not grow with the dots that somebody puts into a name. Null when no container
   * has that name.
   */
  resolve(seen: readonly EndpointNames[], name: string): readonly string[] | null {
    const full = fold(name);
    for (const names of seen) {
      const found = this.#called(names, full);
      if (found) return found;
    }
    const qualified = seen.filter(({ network }) => full.endsWith(`.${fold(network)}`));
    for (const names of qualified.toSorted((a, b) => a.network.length - b.network.length)) {
      const found = this.#called(names, full.slice(0, -fold(names.network).length - 1));
      if (found) return found;
    }
    return null;
  }

  #called({ network, aliases }: EndpointNames, host: string): readonly string[] | undefined {
    const called = (Object.hasOwn(aliases, host) && aliases[host]) || host;
    return this.#networks.get(network)?.addresses.get(fold(called));
  }

  /** `NAME.NETWORK` of an address, or null when no container that can be seen has it. */
  reverse(seen: readonly EndpointNames[], address: string): string | null {
    for (const { network } of seen) {
      const name = this.#networks.get(network)?.names.get(address);
      if (name !== undefined) return `${name}.${network}`;
    }
    return null;
  }
}
