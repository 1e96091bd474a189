/**
 * Port 53 of 127.0.0.11, without listening there: a container may serve DNS on every address of its own. In its namespace a
 * table of ours sends what it asks that address to the ports where netd listens.
 */
import { expr, family, register, verdict } from "../../../linux/nft-expressions.ts";
import { hook, nftTable } from "../../../linux/nft-table.ts";
import { Nftables } from "../../../linux/nftables.ts";
import { isErrno } from "../../../linux/syscall-error.ts";

const tableName = "dhow-dns";
const dnatPriority = -100;
/** Before connections are tracked. */
const rawPriority = -300;
/**
 * Datagrams a second that one container may ask, more than are ever answered; the rest is dropped where it is sent, for one
 * process answers all containers.
 */
const queriesPerSecond = 200_000;
const burst = 20_000;
const { first, word2 } = register;
const [tcp, udp] = [6, 17];
const address = Buffer.from([127, 0, 0, 11]);

/** Lays the table in the namespace that the thread is in, in place of one that is there. */
export function redirect(ports: { readonly udp: number; readonly tcp: number }): void {
  const table = nftTable(family.ipv4, tableName);
  const asks = (protocol: number) => [
    expr.meta("l4proto", first),
    expr.compare(first, "eq", Uint8Array.of(protocol)),
    expr.payload("ip", 16, 4, first),
    expr.compare(first, "eq", address),
    expr.payload("th", 2, 2, first),
    expr.compare(first, "eq", Buffer.from([0, 53])),
  ];
  const rule = (protocol: number, port: number) =>
    table.rule("output", [
      ...asks(protocol),
      expr.load(register.word0, address),
      expr.load(word2, portBytes(port)),
      expr.dnat(register.word0, word2),
    ]);
  const steps = [
    table.create(0),
    table.chain({ name: "output", type: "nat", hook: hook.output, priority: dnatPriority }),
    rule(udp, ports.udp),
    rule(tcp, ports.tcp),
    table.chain({ name: "limit", type: "filter", hook: hook.output, priority: rawPriority }),
    table.rule("limit", [...asks(udp), expr.over(queriesPerSecond, burst), expr.verdict(verdict.drop)]),
  ];
  using nft = new Nftables();
  try {
    nft.commit("redirect DNS", ...steps);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    nft.commit("redirect DNS again", table.delete(), ...steps);
  }
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}
