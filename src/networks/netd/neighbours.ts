/**
 * Living beside other firewalls. An accept in our table does not undo a drop in another one, and a dockerd on the host
 * sets the policy of the FORWARD chain to drop. Where a base chain on the forward hook drops by policy, one marked
 * accept per bridge and direction goes to the *end* of that chain: it lifts the policy for our bridges and comes after
 * every rule of its owner, so that Docker's own networks stay closed to our containers (in DOCKER-USER, which runs
 * first, the same accept would open them). What may pass is decided in our own table.
 */
import { expr, family, ifnameBytes, register, verdict } from "../../linux/nft-expressions.ts";
import { hook, nftTable } from "../../linux/nft-table.ts";
import { Nftables } from "../../linux/nftables.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { BridgeSpec } from "./protocol.ts";

/** How often other firewalls are looked at: they start, reload and flush when they like. */
const lookEveryMs = 5000;

interface ForwardChain {
  readonly family: number;
  readonly table: string;
  readonly chain: string;
  readonly drops: boolean;
}

export class Neighbours implements Disposable {
  readonly #nft = new Nftables();
  readonly #instance: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #bridges: readonly BridgeSpec[] = [];
  #touched = false;

  constructor(instance: string) {
    this.#instance = instance;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** From now on these bridges, and no others, are let through. */
  cover(bridges: readonly BridgeSpec[]): void {
    this.#bridges = [...bridges];
    // Also true for rules that an earlier netd left and that are right as they are.
    if (bridges.length > 0) this.#touched = true;
    this.#look();
  }

  /** Takes every rule back. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#bridges = [];
    this.#look();
    this.#nft[Symbol.dispose]();
  }

  #look(): void {
    if (this.#bridges.length === 0 && !this.#touched) return;
    try {
      for (const chain of this.#chains()) this.#align(chain);
    } catch (error) {
      // Another tool changes its rules between our listing and our change; the next look sees what it left.
      if (!isErrno(error, "ENOENT", "EINTR", "EBUSY", "EPERM")) process.stderr.write(`netd: neighbours: ${error}\n`);
    }
  }

  /** Base chains on the forward hook that drop, or that may hold rules of ours. */
  #chains(): ForwardChain[] {
    return Object.values(family).flatMap((number) =>
      this.#nft
        .chains(number)
        .filter((chain) => chain.hook === hook.forward && (chain.policy === verdict.drop || this.#touched))
        .filter((chain) => chain.table !== this.#instance)
        .map((chain) => ({
          family: number,
          table: chain.table,
          chain: chain.name,
          drops: chain.policy === verdict.drop,
        })),
    );
  }

  #align({ family: number, table, chain, drops }: ForwardChain): void {
    const passing = this.#bridges.filter(
      ({ ipv4, ipv6 }) => number === family.inet || (number === family.ipv4 ? ipv4 : ipv6) !== null,
    );
    const wanted = new Set(passing.flatMap(({ name }) => [this.#mark("in", name), this.#mark("out", name)]));
    if (!drops) wanted.clear();
    const target = nftTable(number, table);
    const steps = [];
    for (const rule of this.#nft.rules(number, table, chain)) {
      if (!rule.comment.startsWith(`${this.#instance}: `)) continue;
      if (!wanted.delete(rule.comment)) steps.push(target.deleteRule(chain, rule.handle));
    }
    for (const comment of wanted) {
      const [, direction, bridge = ""] = comment.split(" ");
      const match = [
        expr.meta(direction === "in" ? "iifname" : "oifname", register.first),
        expr.compare(register.first, "eq", ifnameBytes(bridge)),
      ];
      steps.push(target.rule(chain, [...match, expr.counter(), expr.verdict(verdict.accept)], { comment }));
    }
    if (steps.length > 0) this.#nft.commit(`rules in ${table} ${chain}`, ...steps);
  }

  #mark(direction: "in" | "out", bridge: string): string {
    return `${this.#instance}: ${direction} ${bridge}`;
  }
}
