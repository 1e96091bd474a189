/** Connection tracking through netlink (linux/netfilter/nfnetlink_conntrack.h): finding flows and forgetting them. */
import {
  attribute,
  attributeU8,
  attributeU32,
  NETLINK_NETFILTER,
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_DUMP,
  nested,
  readAttributes,
} from "./netlink.ts";
import { isErrno } from "./syscall-error.ts";

const SUBSYSTEM = 1;
const GET = 1;
const DELETE = 2;
const AF_INET = 2;
const AF_INET6 = 10;
const UDP = 17;

const TUPLE_ORIG = 1;
const TUPLE_REPLY = 2;
const FILTER = 25;
const TUPLE_IP = 1;
const TUPLE_PROTO = 2;
const IP_SOURCE = { [AF_INET]: 1, [AF_INET6]: 3 } as const;
const PROTO_NUMBER = 1;
const PROTO_DESTINATION = 3;
/** Bits of a filter: which parts of the tuple in the request are compared (Linux 5.8; older kernels send all). */
const FILTER_ORIG = 1;
const FILTER_REPLY = 2;
const BY_SOURCE = 0x1;
const BY_PROTOCOL = 0x8;
const BY_DESTINATION_PORT = 0x20;

/** Which UDP flows are meant: those answered by an address, or those first sent to a port. */
export type UdpFlows = { readonly answeredBy: Uint8Array } | { readonly sentTo: number };

type FamilyNumber = keyof typeof IP_SOURCE;

/** A connection to conntrack of the namespace in which it is opened. */
export class Conntrack implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** Forgets the flows, so that their next packet is looked up in the rules again; returns how many there were. */
  forgetUdp(flows: UdpFlows): number {
    const isIpv4 = "answeredBy" in flows && flows.answeredBy.length === 4;
    const families = "answeredBy" in flows ? ([isIpv4 ? AF_INET : AF_INET6] as const) : ([AF_INET, AF_INET6] as const);
    let count = 0;
    for (const family of families) for (const entry of this.#udp(family, flows)) count += this.#forget(family, entry);
    return count;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** How many there were: one, or none any more. */
  #forget(family: FamilyNumber, original: Buffer): number {
    try {
      this.#socket.request("forget flow", {
        type: (SUBSYSTEM << 8) | DELETE,
        flags: NLM_F_ACK,
        payload: Buffer.concat([header(family), nested(TUPLE_ORIG, original)]),
      });
      return 1;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      return 0;
    }
  }

  /** The original tuples of the flows that match. */
  #udp(family: FamilyNumber, flows: UdpFlows): Buffer[] {
    const source = IP_SOURCE[family];
    const byAnswer = "answeredBy" in flows;
    const port = Buffer.alloc(2);
    if (!byAnswer) port.writeUInt16BE(flows.sentTo);
    const protocol = attributeU8(PROTO_NUMBER, UDP);
    const wanted = byAnswer
      ? [
          nested(TUPLE_REPLY, nested(TUPLE_IP, attribute(source, flows.answeredBy)), nested(TUPLE_PROTO, protocol)),
          nested(FILTER, attributeU32(FILTER_REPLY, BY_SOURCE | BY_PROTOCOL)),
        ]
      : [
          nested(TUPLE_ORIG, nested(TUPLE_PROTO, protocol, attribute(PROTO_DESTINATION, port))),
          nested(FILTER, attributeU32(FILTER_ORIG, BY_PROTOCOL | BY_DESTINATION_PORT)),
        ];
    const replies = this.#socket.query("list flows", {
      type: (SUBSYSTEM << 8) | GET,
      flags: NLM_F_DUMP,
      payload: Buffer.concat([header(family), ...wanted]),
    });
    return replies.flatMap((reply) => {
      const attributes = readAttributes(reply.subarray(4));
      const original = attributes.get(TUPLE_ORIG);
      const tuple = attributes.get(byAnswer ? TUPLE_REPLY : TUPLE_ORIG);
      const parts = readAttributes(tuple ?? Buffer.alloc(0));
      const proto = readAttributes(parts.get(TUPLE_PROTO) ?? Buffer.alloc(0));
      const ip = readAttributes(parts.get(TUPLE_IP) ?? Buffer.alloc(0));
      const same = byAnswer ? ip.get(source)?.equals(flows.answeredBy) : proto.get(PROTO_DESTINATION)?.equals(port);
      return original && same && proto.get(PROTO_NUMBER)?.[0] === UDP ? [Buffer.from(original)] : [];
    });
  }
}

function header(family: FamilyNumber): Buffer {
  return Buffer.of(family, 0, 0, 0);
}
