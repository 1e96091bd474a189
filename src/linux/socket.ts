/** Plain sockets that only hold an address (socket(7), ip(7), ipv6(7)), and frames sent by hand (packet(7)). */
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
const AF_PACKET = 17;
const SOCK_CLOEXEC = 0x80000;
const socketTypes = { tcp: [1, 6], udp: [2, 17], sctp: [1, 132] } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

function option(fd: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  check(libc.setsockopt(fd, SOL_SOCKET, name, ptr(bytes), bytes.length), "setsockopt");
}

/**
 * Binds an IPv4 port that nobody will answer on, so that no other process can take it. Throws SyscallError
 * (EADDRINUSE, EADDRNOTAVAIL, EACCES). Address reuse is on for the bind alone: connections in TIME_WAIT do not keep
 * the port busy, and a later bind of another process is refused all the same.
 */
export function holdPort(protocol: keyof typeof socketTypes, address: Uint8Array, port: number): number {
  const [type, number] = socketTypes[protocol];
  const fd = check(libc.socket(AF_INET, type | SOCK_CLOEXEC, number), "socket", protocol);
  try {
    if (protocol !== "udp") option(fd, SO_REUSEADDR, 1);
    const name = Buffer.alloc(16);
    name.writeUInt16LE(AF_INET, 0);
    name.writeUInt16BE(port, 2);
    name.set(address, 4);
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

/**
 * Sends gratuitous ARP (RFC 5227 section 3). One socket for the life of the process: closing a packet socket waits
 * for every CPU, some ten milliseconds.
 */
export class Announcer {
  readonly #fd = check(libc.socket(AF_PACKET, 3 | SOCK_CLOEXEC, 0), "socket", "packet");

  /** Broadcasts on the device `index` that `address` is now at `mac`. */
  announce(index: number, address: Uint8Array, mac: Uint8Array): void {
    const broadcast = Buffer.alloc(6, 0xff);
    const frame = Buffer.concat([
      broadcast,
      mac,
      Buffer.of(0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1),
      mac,
      address,
      Buffer.alloc(6),
      address,
    ]);
    const to = Buffer.alloc(20);
    to.writeUInt16LE(AF_PACKET, 0);
    to.writeUInt16BE(0x0806, 2);
    to.writeInt32LE(index, 4);
    to[11] = 6;
    to.set(broadcast, 12);
    check(libc.sendto(this.#fd, ptr(frame), frame.length, 0, ptr(to), to.length), "sendto", "packet");
  }
}
