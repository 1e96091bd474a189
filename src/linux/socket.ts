/** Plain sockets that only hold an address (socket(7), ip(7), ipv6(7)), and frames sent by hand (packet(7)). */
import { closeSync } from "node:fs";
import { check, FFIType, openLibc, ptr } from "./libc.ts";

const libc = openLibc({
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  sendto: {
    args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i32,
  },
  setsockopt: {
    args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i32,
  },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
});

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_CLOEXEC = 0x80000;
const socketTypes = { tcp: [1, 6], udp: [2, 17], sctp: [1, 132] } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

function option(fd: number, name: number, value: number, level = SOL_SOCKET): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  check(libc.setsockopt(fd, level, name, ptr(bytes), bytes.length), "setsockopt");
}

/**
 * Binds a port that nobody will answer on, so that no other process can take it. Throws SyscallError
 * (EADDRINUSE, EADDRNOTAVAIL, EACCES). Address reuse is on for the bind alone: connections in TIME_WAIT do not keep
 * the port busy, and a later bind of another process is refused all the same.
 */
export function holdPort(protocol: keyof typeof socketTypes, address: Uint8Array, port: number): number {
  const [type, number] = socketTypes[protocol];
  const isIpv4 = address.length === 4;
  const family = isIpv4 ? AF_INET : AF_INET6;
  const fd = check(libc.socket(family, type | SOCK_CLOEXEC, number), "socket", protocol);
  try {
    if (!isIpv4) option(fd, IPV6_V6ONLY, 1, IPPROTO_IPV6);
    if (protocol !== "udp") option(fd, SO_REUSEADDR, 1);
    const name = Buffer.alloc(isIpv4 ? 16 : 28);
    name.writeUInt16LE(family, 0);
    name.writeUInt16BE(port, 2);
    name.set(address, isIpv4 ? 4 : 8);
    check(libc.bind(fd, ptr(name), name.length), "bind");
    if (protocol !== "udp") option(fd, SO_REUSEADDR, 0);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

export function closeSocket(fd: number): void {
  libc.close(fd);
}

const ARP = 0x0806;
const IPV6 = 0x86dd;

/**
 * Tells a network of an address's new place: gratuitous ARP (RFC 5227 section 3), or an unsolicited neighbour
 * advertisement (RFC 4861 section 7.2.6). One socket for the life of the process: closing a packet socket waits for every
 * CPU, some ten milliseconds.
 */
export class Announcer implements Disposable {
  readonly #fd = check(libc.socket(AF_PACKET, 3 | SOCK_CLOEXEC, 0), "socket", "packet");

  /** Says to all on the device `index` that `address` is now at `mac`. */
  announce(index: number, address: Uint8Array, mac: Uint8Array): void {
    const isIpv4 = address.length === 4;
    const to = isIpv4 ? Buffer.alloc(6, 0xff) : Buffer.of(0x33, 0x33, 0, 0, 0, 1);
    const protocol = isIpv4 ? ARP : IPV6;
    const frame = Buffer.concat([
      to,
      mac,
      Buffer.of(protocol >> 8, protocol & 0xff),
      isIpv4 ? gratuitousArp(address, mac) : neighbourAdvertisement(address, mac),
    ]);
    const name = Buffer.alloc(20);
    name.writeUInt16LE(AF_PACKET, 0);
    name.writeUInt16BE(protocol, 2);
    name.writeInt32LE(index, 4);
    name[11] = 6;
    name.set(to, 12);
    check(libc.sendto(this.#fd, ptr(frame), frame.length, 0, ptr(name), name.length), "sendto", "packet");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const gratuitousArp = (address: Uint8Array, mac: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(0, 1, 8, 0, 6, 4, 0, 1), mac, address, Buffer.alloc(6), address]);

/** The whole packet, to all nodes: the target is `address`, its place `mac`, and what is remembered is overridden. */
function neighbourAdvertisement(address: Uint8Array, mac: Uint8Array): Buffer {
  const allNodes = Buffer.from("ff020000000000000000000000000001", "hex");
  const body = Buffer.concat([Buffer.of(136, 0, 0, 0, 0x20, 0, 0, 0), address, Buffer.of(2, 1), mac]);
  const pseudo = Buffer.concat([address, allNodes, Buffer.of(0, 0, 0, body.length, 0, 0, 0, 58), body]);
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  body.writeUInt16BE(~sum & 0xffff, 2);
  const header = Buffer.concat([Buffer.of(0x60, 0, 0, 0, 0, body.length, 58, 255), address, allNodes]);
  return Buffer.concat([header, body]);
}
