/** Messages of rtnetlink(7) that change links, addresses, routes and neighbours. */
import {
  attribute,
  attributeString,
  attributeU8,
  attributeU16,
  attributeU32,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nested,
} from "./netlink.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWNEIGH = 28;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 4;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
export const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_VLAN_ID = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
export const RTA_OIF = 4;
const RTA_GATEWAY = 5;
export const IFF_UP = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
const RT_SCOPE_LINK = 253;
/** An IPv6 address is used at once, without asking whether another has it (IFA_F_NODAD). */
const NODAD = 0x02;

/** The bytes of an IPv4 or IPv6 address in the shape netlink wants; the family follows from their length. */
export type AddressBytes = Uint8Array;

const family = (address: AddressBytes): number => (address.length === 4 ? AF_INET : AF_INET6);

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":").map((part) => Number.parseInt(part, 16)));
}

export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function linkHeader(index: number, flags = 0, change = 0): Buffer {
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

/** Modes of macvlan devices, as in linux/if_link.h. */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
/** Modes and flags of ipvlan devices, as there. */
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;

/** What a device is that lives on another one. */
export type UpperKind =
  | { readonly kind: "macvlan"; readonly mode: keyof typeof macvlanModes }
  | { readonly kind: "ipvlan"; readonly mode: keyof typeof ipvlanModes; readonly flag: keyof typeof ipvlanFlags };

const upperData = (upper: UpperKind): Buffer[] =>
  upper.kind === "macvlan"
    ? [attributeU32(IFLA_MACVLAN_MODE, macvlanModes[upper.mode])]
    : [
        attributeU16(IFLA_IPVLAN_MODE, ipvlanModes[upper.mode]),
        attributeU16(IFLA_IPVLAN_FLAGS, ipvlanFlags[upper.flag]),
      ];

/** Messages to be sent together through `Rtnetlink.apply`. */
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
  /**
   * How a port of a bridge behaves. It may send frames back where they came from, for a container that reaches its own
   * published port; `isolated` ports exchange nothing with each other, only with the host.
   */
  bridgePort: (index: number, isolated: boolean): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      0,
      linkHeader(index),
      nested(
        IFLA_LINKINFO,
        attributeString(IFLA_INFO_SLAVE_KIND, "bridge"),
        nested(
          IFLA_INFO_SLAVE_DATA,
          attributeU8(IFLA_BRPORT_MODE, 1),
          attributeU8(IFLA_BRPORT_ISOLATED, isolated ? 1 : 0),
        ),
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
  /** A device on `parent`, down and in the namespace `netns`. */
  upper: (
    name: string,
    parent: number,
    upper: UpperKind,
    { netns, mac, mtu }: { netns: number; mac: string | null; mtu: number | null },
  ): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0),
      attributeString(IFLA_IFNAME, name),
      attributeU32(IFLA_LINK, parent),
      attributeU32(IFLA_NET_NS_FD, netns),
      ...(mac === null ? [] : [attribute(IFLA_ADDRESS, macBytes(mac))]),
      ...(mtu === null ? [] : [attributeU32(IFLA_MTU, mtu)]),
      nested(IFLA_LINKINFO, attributeString(IFLA_INFO_KIND, upper.kind), nested(IFLA_INFO_DATA, ...upperData(upper))),
    ),
  /** An 802.1q device for the frames of `parent` that bear the tag `id`. */
  vlan: (name: string, parent: number, id: number): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0),
      attributeString(IFLA_IFNAME, name),
      attributeU32(IFLA_LINK, parent),
      nested(
        IFLA_LINKINFO,
        attributeString(IFLA_INFO_KIND, "vlan"),
        nested(IFLA_INFO_DATA, attributeU16(IFLA_VLAN_ID, id)),
      ),
    ),
  dummy: (name: string): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0),
      attributeString(IFLA_IFNAME, name),
      nested(IFLA_LINKINFO, attributeString(IFLA_INFO_KIND, "dummy")),
    ),
  /** A device on nothing: refused with EINVAL where the kernel knows the kind, with EOPNOTSUPP where it does not. */
  kindProbe: (kind: UpperKind["kind"]): NetlinkMessage =>
    message(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0),
      attributeString(IFLA_IFNAME, "dhow-probe"),
      nested(IFLA_LINKINFO, attributeString(IFLA_INFO_KIND, kind)),
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
  /** Everything is on the link itself; `any` is the unspecified address of the family. */
  defaultRouteOnLink: (index: number, any: AddressBytes): NetlinkMessage => {
    const header = routeHeader(any);
    header[6] = RT_SCOPE_LINK;
    return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header, attributeU32(RTA_OIF, index));
  },
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
  if (address.length === 16) header[2] = NODAD;
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
