/** Links, addresses and routes as rtnetlink(7) lists them, and the connection that changes are sent through. */
import {
  attributeString,
  attributeText,
  NETLINK_ROUTE,
  type NetlinkMessage,
  NetlinkSocket,
  NLM_F_DUMP,
  readAttributes,
} from "./netlink.ts";
import {
  type AddressBytes,
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_LOCAL,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  linkHeader,
  macText,
  RTA_OIF,
  rtnetlink,
  type UpperKind,
} from "./rtnetlink-messages.ts";
import { isErrno } from "./syscall-error.ts";

const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const IFLA_STATS64 = 23;
const RTA_DST = 1;
const RTPROT_RA = 9;

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

/** An IPv4 or IPv6 network in use on this host: an address of a device, or a route. */
export interface UsedNetwork {
  readonly address: AddressBytes;
  readonly prefix: number;
  readonly index: number;
}

/** An address of a device. */
export interface ListedAddress extends UsedNetwork {
  /** It is good on this link alone: IPv6 devices have one by themselves. */
  readonly linkLocal: boolean;
}

const RT_SCOPE_LINK = 253;

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

  /** Whether the kernel has devices of that kind; one that comes as a module is loaded by the question. */
  supports(kind: UpperKind["kind"]): boolean {
    try {
      this.apply(`probe ${kind}`, rtnetlink.kindProbe(kind));
    } catch (error) {
      if (isErrno(error, "EOPNOTSUPP")) return false;
      if (!isErrno(error, "EINVAL")) throw error;
    }
    return true;
  }

  links(): Link[] {
    return this.#dump(RTM_GETLINK, linkHeader(0)).map(readLink);
  }

  /** Every address of the namespace's devices with its prefix. */
  addresses(): ListedAddress[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const header = Buffer.alloc(8);
      header[0] = family;
      return this.#dump(RTM_GETADDR, header).flatMap((reply) => {
        const attributes = readAttributes(reply.subarray(8));
        const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
        if (!address) return [];
        const linkLocal = family === AF_INET6 && reply[3] === RT_SCOPE_LINK;
        return [{ address, prefix: reply[1] ?? 32, index: reply.readUInt32LE(4), linkLocal }];
      });
    });
  }

  /** Routes of the main table that name a network, the default route left out. */
  routes(): UsedNetwork[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const header = Buffer.alloc(12);
      header[0] = family;
      return this.#dump(RTM_GETROUTE, header).flatMap((reply) => {
        const attributes = readAttributes(reply.subarray(12));
        const address = attributes.get(RTA_DST);
        if (reply[0] !== family || !address || reply[4] !== 254) return [];
        return [{ address, prefix: reply[1] ?? 32, index: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0 }];
      });
    });
  }

  /** Indexes of the devices that have IPv6 routes from a router's advertisements. */
  advisedLinks(): Set<number> {
    const header = Buffer.alloc(12);
    header[0] = AF_INET6;
    const advised = this.#dump(RTM_GETROUTE, header).filter((reply) => reply[0] === AF_INET6 && reply[5] === RTPROT_RA);
    return new Set(advised.map((reply) => readAttributes(reply.subarray(12)).get(RTA_OIF)?.readUInt32LE(0) ?? 0));
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
