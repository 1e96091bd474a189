/** What a table without an owner must hold, for kernels before 5.12: anybody may empty it there or take it away. */

import type { SetElement } from "../../linux/nft-table.ts";
import type { Nftables } from "../../linux/nftables.ts";

/** An element with the name of its set. */
export type Placed = readonly [set: string, element: SetElement];

/** The same text for the same element, whatever it leads to. */
export const identity = ([set, { key, end = false }]: Placed): string =>
  `${set} ${Buffer.from(key).toString("hex")} ${end}`;

export class TableWatch {
  readonly #nft: Nftables;
  readonly #number: number;
  readonly #name: string;
  readonly #rules: ReadonlyMap<string, number>;
  readonly #elements = new Map<string, Placed>();
  /** Of the ruleset when the table was last seen to be whole: everybody's transactions change it. */
  #generation = -1;

  /** `rules` is how many rules each chain of the table `name` has; `number` is the table's family. */
  constructor(nft: Nftables, number: number, name: string, rules: ReadonlyMap<string, number>) {
    this.#nft = nft;
    this.#number = number;
    this.#name = name;
    this.#rules = rules;
  }

  add(...placed: readonly Placed[]): void {
    for (const one of placed) this.#elements.set(identity(one), one);
  }

  remove(...placed: readonly Placed[]): void {
    for (const one of placed) this.#elements.delete(identity(one));
  }

  /** Everything that the table is to hold, when something of it is not there; else null. */
  lost(): readonly Placed[] | null {
    const generation = this.#nft.generation();
    if (generation === this.#generation) return null;
    if (!this.#isWhole()) return [...this.#elements.values()];
    this.#generation = generation;
    return null;
  }

  #isWhole(): boolean {
    const chains = this.#nft.chains(this.#number).filter(({ table }) => table === this.#name);
    const present = new Set(chains.map(({ name }) => name));
    for (const [chain, count] of this.#rules) {
      if (!present.has(chain) || this.#nft.rules(this.#number, this.#name, chain).length !== count) return false;
    }
    const wanted = [...this.#elements];
    for (const set of new Set(wanted.map(([, [name]]) => name))) {
      const found = this.#nft.elements(this.#number, this.#name, set).map((element) => identity([set, element]));
      const there = new Set(found);
      if (wanted.some(([id, [name]]) => name === set && !there.has(id))) return false;
    }
    return true;
  }
}
