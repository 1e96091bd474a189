/**
 * A place for the user's own rules: the chain `forward` of the table `INSTANCE-user`. Everything that is forwarded comes
 * through it before any chain of the engine's, after published ports were translated; what it drops is dropped, what it
 * lets through is still looked at by every other chain. It is nobody's: the rules in it outlive netd, and a chain that
 * somebody has flushed away is put back, empty.
 */
import { family } from "../../linux/nft-expressions.ts";
import { hook, nftTable } from "../../linux/nft-table.ts";
import { Nftables } from "../../linux/nftables.ts";
import { isErrno } from "../../linux/syscall-error.ts";

const lookEveryMs = 5000;
const chain = { name: "forward", type: "filter", hook: hook.forward, priority: -10 } as const;

export class UserChain implements Disposable {
  readonly #nft = new Nftables();
  readonly #name: string;
  readonly #table: ReturnType<typeof nftTable>;
  readonly #timer: ReturnType<typeof setInterval>;
  #kept = false;

  constructor(instance: string) {
    this.#name = `${instance}-user`;
    this.#table = nftTable(family.inet, this.#name);
    this.#timer = setInterval(() => {
      try {
        if (this.#kept) this.#make();
      } catch (error) {
        process.stderr.write(`netd: the user's chain: ${error}\n`);
      }
    }, lookEveryMs);
  }

  /** Whether there is to be such a chain from now on; one with rules in it stays in any case. */
  keep(kept: boolean): void {
    this.#kept = kept;
    if (kept) this.#make();
    else this.#drop();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    try {
      this.#drop();
    } finally {
      this.#nft[Symbol.dispose]();
    }
  }

  #chains(): string[] {
    return this.#nft.chains(family.inet).flatMap(({ table, name }) => (table === this.#name ? [name] : []));
  }

  #make(): void {
    if (this.#chains().includes(chain.name)) return;
    try {
      this.#nft.commit("the user's table", this.#table.create(0), this.#table.chain(chain));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      this.#nft.commit("the user's chain", this.#table.chain(chain));
    }
  }

  /** A table with anything else in it, or rules in the chain, is the user's by now. */
  #drop(): void {
    const [only, ...more] = this.#chains();
    if (only !== chain.name || more.length > 0) return;
    if (this.#nft.rules(family.inet, this.#name, chain.name).length > 0) return;
    this.#nft.commit("the user's table", this.#table.delete());
  }
}
