/** A connection to nf_tables: transactions, and what the kernel has of chains, rules and elements. */
import {
  attributeString,
  attributeText,
  eachAttribute,
  NETLINK_NETFILTER,
  type NetlinkMessage,
  NetlinkSocket,
  NLM_F_DUMP,
  readAttributes,
} from "./netlink.ts";
import { ELEMENT_INTERVAL_END, generic, type SetElement, SUBSYSTEM } from "./nft-table.ts";
import { isErrno } from "./syscall-error.ts";

const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const GETCHAIN = 4;
const GETRULE = 7;
const GETSETELEM = 13;
const GETGEN = 16;

function commentOf(data: Buffer | undefined): string {
  if (data?.[0] !== 0) return "";
  return attributeText(data.subarray(2, 2 + (data[1] ?? 0)));
}

const bytesOf = (data: Buffer | undefined): Buffer =>
  Buffer.from((data && readAttributes(data).get(1)) ?? Buffer.alloc(0));

/** A chain of any table. */
export interface ListedChain {
  readonly table: string;
  readonly name: string;
  /** Hook number and policy of a base chain; undefined of a plain one. */
  readonly hook: number | undefined;
  readonly policy: number | undefined;
}

export interface ListedRule {
  readonly handle: bigint;
  readonly comment: string;
}

/** A connection to nf_tables of the namespace in which it is opened. It owns the tables it makes with TABLE_OWNER. */
export class Nftables implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** Commits the steps as one transaction: all of them, or none and the first failure is thrown. */
  commit(what: string, ...steps: NetlinkMessage[]): void {
    const edge = (type: number): NetlinkMessage => ({ type, flags: 0, payload: generic(0, SUBSYSTEM) });
    this.#socket.request(what, edge(BATCH_BEGIN), ...steps, edge(BATCH_END));
  }

  chains(familyNumber: number): ListedChain[] {
    return this.#dump(GETCHAIN, familyNumber).map((reply) => {
      const attributes = readAttributes(reply.subarray(4));
      const hooked = attributes.get(4);
      return {
        table: attributeText(attributes.get(1)),
        name: attributeText(attributes.get(3)),
        hook: hooked ? readAttributes(hooked).get(1)?.readUInt32BE(0) : undefined,
        policy: attributes.get(5)?.readUInt32BE(0),
      };
    });
  }

  rules(familyNumber: number, table: string, chain: string): ListedRule[] {
    const found: ListedRule[] = [];
    for (const reply of this.#dump(GETRULE, familyNumber, attributeString(1, table), attributeString(2, chain))) {
      const attributes = new Map(eachAttribute(reply.subarray(4)));
      if (attributeText(attributes.get(1)) !== table || attributeText(attributes.get(2)) !== chain) continue;
      found.push({ handle: attributes.get(3)?.readBigUInt64BE(0) ?? 0n, comment: commentOf(attributes.get(7)) });
    }
    return found;
  }

  /** Elements of a set or map; none when there is no such set. */
  elements(familyNumber: number, table: string, set: string): SetElement[] {
    return this.#listed(familyNumber, table, set).flatMap((reply) =>
      [...eachAttribute(readAttributes(reply.subarray(4)).get(3) ?? Buffer.alloc(0))].map(([, element]) => {
        const attributes = readAttributes(element);
        const data = attributes.get(2);
        const end = ((attributes.get(3)?.readUInt32BE(0) ?? 0) & ELEMENT_INTERVAL_END) !== 0;
        return {
          key: bytesOf(attributes.get(1)),
          ...(data ? { data: bytesOf(data) } : {}),
          ...(end ? { end } : {}),
        };
      }),
    );
  }

  /** A number that every transaction of anybody in this namespace changes. */
  generation(): number {
    const type = (SUBSYSTEM << 8) | GETGEN;
    const [reply] = this.#socket.query("generation", { type, flags: 0, payload: generic(0) });
    return reply ? (readAttributes(reply.subarray(4)).get(1)?.readUInt32BE(0) ?? 0) : 0;
  }

  #listed(familyNumber: number, table: string, set: string): Buffer[] {
    try {
      return this.#dump(GETSETELEM, familyNumber, attributeString(1, table), attributeString(2, set));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #dump(type: number, familyNumber: number, ...parts: Buffer[]): Buffer[] {
    return this.#socket.query("list", {
      type: (SUBSYSTEM << 8) | type,
      flags: NLM_F_DUMP,
      payload: Buffer.concat([generic(familyNumber), ...parts]),
    });
  }
}
