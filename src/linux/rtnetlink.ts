/** Links, addresses and routes through rtnetlink(7). */
import {
  attribute,
  attributeString,
  attributeText,
  attributeU8,
  attributeU32,
  NETLINK_ROUTE,
  type NetlinkMessage,
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nested,
  readAttributes,
} from "./netlink.ts";
import { isErrno } from "./syscall-error.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 4;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_STATS64 = 23;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const IFF_UP = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** A network device as the kernel lists it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Index of the bridge it is a port of; 0 for none. */
  readonly master: number;
  /** `bridge`, `veth`, ...; empty for hardware and loopback. */
  readonly kind: string;
  /** Free text that its maker left on it. */
  readonly alias: string;
  readonly stats: LinkStats;
}

/** Counters since the device exists. */
export interface LinkStats {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** The bytes of an IPv4 or IPv6 address in the shape netlink wants; the family follows from their length. */
export type AddressBytes = Uint8Array;

const family = (address: AddressBytes): number => (address.length === 4 ? AF_INET : AF_INET6);

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":").map((part) => Number.parseInt(part, 16)));
}

export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function linkHeader(index: number, flags = 0, change = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

const message = (type: number, flags: number, ...parts: Buffer[]): NetlinkMessage => ({
  type,
  flags: flags | NLM_F_ACK,
  payload: Buffer.concat(parts),
});

/** Messages to be sent together through {@link Rtnetlink.apply}. */
export const rtnetlink = {
  linkUp: (index: number): NetlinkMessage => message(RTM_NEWLINK, 0, linkHeader(index, IFF_UP, IFF_UP)),
  linkDown: (index: number): NetlinkMessage => message(RTM_NEWLINK, 0, linkHeader(index, 0, IFF_UP)),
  linkMac: (index: number, mac: string): NetlinkMessage =>
    message(RTM_NEWLINK, 0, linkHeader(index), attribute(IFLA_ADDRESS, macBytes(mac))),
  linkName: (index: number, name: string): NetlinkMessage =>
    message(RTM_NEWLINK, 0, linkHeader(index), attributeString(IFLA_IFNAME, name)),
  linkMtu: (index: number, mtu: number): NetlinkMessage =>
    message(RTM_NEWLINK, 0, linkHeader(index), attributeU32(IFLA_MTU, mtu)),
  linkAlias: (index: number, alias: string): NetlinkMessage =>
    message(RTM_NEWLINK, 0, linkHeader(index), attributeString(IFLA_IFALIAS, alias)),
  linkMaster: (index: number, master: number): NetlinkMessage =>
    message(RTM_NEWLINK, 0, linkHeader(index), attributeU32(IFLA_MASTER, master)),
  /** Lets a bridge port send frames back where they came from: a container reaching its own published port. */
  hairpin: (index: number): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      0,
      linkHeader(index),
      nested(
        IFLA_LINKINFO,
        attributeString(IFLA_INFO_SLAVE_KIND, "bridge"),
        nested(IFLA_INFO_SLAVE_DATA, attributeU8(IFLA_BRPORT_MODE, 1)),
      ),
    ),
  linkDelete: (index: number): NetlinkMessage => message(RTM_DELLINK, 0, linkHeader(index)),
  bridge: (name: string, mtu: number, mac: string): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0),
      attributeString(IFLA_IFNAME, name),
      attribute(IFLA_ADDRESS, macBytes(mac)),
      attributeU32(IFLA_MTU, mtu),
      nested(IFLA_LINKINFO, attributeString(IFLA_INFO_KIND, "bridge")),
    ),
  /**
   * A veth pair: `name` stays here, up and joined to `master`; the peer goes down into the namespace of `peer.netns`.
   * A peer must not be asked up here: the kernel opens it before the two are linked (ENOTCONN).
   */
  veth: (
    name: string,
    master: number,
    mtu: number,
    peer: { name: string; netns: number; mac: string },
  ): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0, IFF_UP, IFF_UP),
      attributeString(IFLA_IFNAME, name),
      attributeU32(IFLA_MTU, mtu),
      attributeU32(IFLA_MASTER, master),
      nested(
        IFLA_LINKINFO,
        attributeString(IFLA_INFO_KIND, "veth"),
        nested(
          IFLA_INFO_DATA,
          nested(
            VETH_INFO_PEER,
            linkHeader(0),
            attributeString(IFLA_IFNAME, peer.name),
            attributeU32(IFLA_MTU, mtu),
            attribute(IFLA_ADDRESS, macBytes(peer.mac)),
            attributeU32(IFLA_NET_NS_FD, peer.netns),
          ),
        ),
      ),
    ),
  addressAdd: (index: number, address: AddressBytes, prefix: number, broadcast?: AddressBytes): NetlinkMessage =>
    message(
      RTM_NEWADDR,
      NLM_F_CREATE | NLM_F_REPLACE,
      addressHeader(index, address, prefix),
      attribute(IFA_LOCAL, address),
      attribute(IFA_ADDRESS, address),
      ...(broadcast ? [attribute(IFA_BROADCAST, broadcast)] : []),
    ),
  addressDelete: (index: number, address: AddressBytes, prefix: number): NetlinkMessage =>
    message(RTM_DELADDR, 0, addressHeader(index, address, prefix), attribute(IFA_LOCAL, address)),
  defaultRoute: (index: number, gateway: AddressBytes): NetlinkMessage =>
    message(
      RTM_NEWROUTE,
      NLM_F_CREATE | NLM_F_REPLACE,
      routeHeader(gateway),
      attribute(RTA_GATEWAY, gateway),
      attributeU32(RTA_OIF, index),
    ),
  /** Tells this host the new owner of an address, so that a reused address is not sent to the old one. */
  neighbour: (index: number, address: AddressBytes, mac: string): NetlinkMessage => {
    const header = Buffer.alloc(12);
    header[0] = family(address);
    header.writeInt32LE(index, 4);
    header.writeUInt16LE(NUD_STALE, 8);
    return message(
      RTM_NEWNEIGH,
      NLM_F_CREATE | NLM_F_REPLACE,
      header,
      attribute(NDA_DST, address),
      attribute(NDA_LLADDR, macBytes(mac)),
    );
  },
  defaultRouteDelete: (gateway: AddressBytes): NetlinkMessage =>
    message(RTM_DELROUTE, 0, routeHeader(gateway), attribute(RTA_GATEWAY, gateway)),
};

function addressHeader(index: number, address: AddressBytes, prefix: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = family(address);
  header[1] = prefix;
  header.writeUInt32LE(index, 4);
  return header;
}

function routeHeader(gateway: AddressBytes): Buffer {
  const header = Buffer.alloc(12);
  header[0] = family(gateway);
  header[4] = 254; // RT_TABLE_MAIN
  header[5] = 4; // RTPROT_STATIC
  header[7] = 1; // RTN_UNICAST
  return header;
}

/** An IPv4 or IPv6 network in use on this host: an address of a device, or a route. */
export interface UsedNetwork {
  readonly address: AddressBytes;
  readonly prefix: number;
  readonly index: number;
}

/** A connection to rtnetlink of the namespace in which it is opened. */
export class Rtnetlink implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

  /** Sends the messages together; throws the first failure, `what` in its text. */
  apply(what: string, ...messages: NetlinkMessage[]): void {
    this.#socket.request(what, ...messages);
  }

  /** The device of that name, or undefined. */
  link(name: string): Link | undefined {
    try {
      const [reply] = this.#socket.query(`get link ${name}`, {
        type: RTM_GETLINK,
        flags: 0,
        payload: Buffer.concat([linkHeader(0), attributeString(IFLA_IFNAME, name)]),
      });
      return reply ? readLink(reply) : undefined;
    } catch (error) {
      if (isErrno(error, "ENODEV")) return undefined;
      throw error;
    }
  }

  links(): Link[] {
    return this.#dump(RTM_GETLINK, linkHeader(0)).map(readLink);
  }

  /** Every IPv4 address of the namespace's devices with its prefix. */
  addresses(): UsedNetwork[] {
    const header = Buffer.alloc(8);
    header[0] = AF_INET;
    return this.#dump(RTM_GETADDR, header).flatMap((reply) => {
      const attributes = readAttributes(reply.subarray(8));
      const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
      return address ? [{ address, prefix: reply[1] ?? 32, index: reply.readUInt32LE(4) }] : [];
    });
  }

  /** IPv4 routes of the main table that name a network, the default route left out. */
  routes(): UsedNetwork[] {
    const header = Buffer.alloc(12);
    header[0] = AF_INET;
    return this.#dump(RTM_GETROUTE, header).flatMap((reply) => {
      const attributes = readAttributes(reply.subarray(12));
      const address = attributes.get(RTA_DST);
      if (!address || reply[4] !== 254) return [];
      return [{ address, prefix: reply[1] ?? 32, index: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0 }];
    });
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #dump(type: number, payload: Buffer): Buffer[] {
    return this.#socket.query("dump", { type, flags: NLM_F_DUMP, payload });
  }
}

function readLink(reply: Buffer): Link {
  const attributes = readAttributes(reply.subarray(16));
  const info = attributes.get(IFLA_LINKINFO);
  const kind = info ? attributeText(readAttributes(info).get(IFLA_INFO_KIND)) : "";
  const counters = attributes.get(IFLA_STATS64);
  const counter = (n: number): number =>
    counters && counters.length >= n * 8 + 8 ? Number(counters.readBigUInt64LE(n * 8)) : 0;
  return {
    index: reply.readInt32LE(4),
    name: attributeText(attributes.get(IFLA_IFNAME)),
    mac: macText(attributes.get(IFLA_ADDRESS) ?? new Uint8Array()),
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    up: (reply.readUInt32LE(8) & IFF_UP) !== 0,
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0) ?? 0,
    kind,
    alias: attributeText(attributes.get(IFLA_IFALIAS)),
    stats: {
      rxPackets: counter(0),
      txPackets: counter(1),
      rxBytes: counter(2),
      txBytes: counter(3),
      rxErrors: counter(4),
      txErrors: counter(5),
      rxDropped: counter(6),
      txDropped: counter(7),
    },
  };
}
