/** The UDP sockets that Bun holds (udp(7)). It does not tell their descriptors. */
import { closeSync, fstatSync, readdirSync } from "node:fs";
import { check, FFIType, openLibc, ptr } from "./libc.ts";

const libc = openLibc({
  connect: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  getsockname: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  getpeername: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  getsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.u64], returns: FFIType.i32 },
});

const AF_INET = 2;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_DGRAM = 2;
/** A descriptor of the network namespace that a socket is in; linux/sockios.h. */
const SIOCGSKNS = 0x894c;
/** Where nobody listens: tcpmux(1) has no datagrams. */
const nobody = 1;

/**
 * Of `Bun.udpSocket`, as node:dgram's `reusePort` gives it: SO_REUSEPORT, by which a process of the same user may bind the
 * port too.
 */
export const sharedPort = { flags: 4 };

/** An IPv4 address with its port, in a namespace: the number that {@link namespaceNumber} gives. */
export interface UdpName {
  readonly namespace: number;
  readonly address: string;
  readonly port: number;
}

/** This process's socket of that name, unless it is turned away; null when there is none. */
export function findUdpSocket({ namespace, address, port }: UdpName): number | null {
  const name = socketName(address, port);
  const isIt = (fd: number): boolean =>
    hasName(fd, name) && isDatagram(fd) && !isConnected(fd) && namespaceOf(fd) === namespace;
  return readdirSync("/proc/self/fd").map(Number).find(isIt) ?? null;
}

/**
 * From now on the socket, bound to `address`, receives nothing from anybody else than itself; what waits in it can still be
 * read, and answers leave it.
 */
export function turnAway(fd: number, address: string): void {
  const name = socketName(address, nobody);
  check(libc.connect(fd, ptr(name), name.length), "connect", address);
}

/** sockaddr_in; ip(7). */
function socketName(address: string, port: number): Buffer {
  const name = Buffer.alloc(16);
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address.split(".").map(Number), 4);
  return name;
}

/** Runs a call that fills `out` and tells how much; false when it refuses, as of a descriptor that is no socket. */
function fills(out: Buffer, call: (out: number, length: number) => number): boolean {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(out.length);
  return call(ptr(out), ptr(length)) === 0;
}

function hasName(fd: number, name: Buffer): boolean {
  const own = Buffer.alloc(name.length);
  return fills(own, (out, length) => libc.getsockname(fd, out, length)) && own.equals(name);
}

const isConnected = (fd: number): boolean =>
  fills(Buffer.alloc(16), (out, length) => libc.getpeername(fd, out, length));

function isDatagram(fd: number): boolean {
  const type = Buffer.alloc(4);
  return fills(type, (out, length) => libc.getsockopt(fd, SOL_SOCKET, SO_TYPE, out, length)) && type[0] === SOCK_DGRAM;
}

function namespaceOf(fd: number): number {
  const namespace = check(libc.ioctl(fd, SIOCGSKNS, 0), "ioctl", "SIOCGSKNS");
  try {
    return fstatSync(namespace).ino;
  } finally {
    closeSync(namespace);
  }
}
