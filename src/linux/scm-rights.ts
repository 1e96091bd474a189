/**
 * Receiving a descriptor over a unix socket (unix(7), SCM_RIGHTS). The sender connects, sends and closes while we do
 * something else; what it sent waits in the backlog, so nothing here blocks.
 */
import { closeSync } from "node:fs";
import { check, FFIType, fixedBuffer, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, u32, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, u32], returns: i32 },
  listen: { args: [i32, i32], returns: i32 },
  accept4: { args: [i32, pointer, pointer, i32], returns: i32 },
  poll: { args: [pointer, u32, i32], returns: i32 },
  recvmsg: { args: [i32, pointer, i32], returns: i64_fast },
});

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const EAGAIN = 11;

/** Listens on a unix socket at `path`, at most 107 bytes; the caller closes the descriptor and removes the path. */
export function listenUnix(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length > 107) throw new RangeError(`socket path is too long: ${JSON.stringify(path)}`);
  const address = fixedBuffer(110);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  const fd = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
  try {
    check(libc.bind(fd, ptr(address), bytes.length + 3), "bind", path);
    check(libc.listen(fd, 1), "listen", path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The descriptor that a peer has sent already, close-on-exec; `null` when none waits. */
export function receiveDescriptor(listener: number): number | null {
  const peer = libc.accept4(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (peer === -1) {
    if (lastErrno() === EAGAIN) return null;
    throw new SyscallError("accept4", lastErrno());
  }
  try {
    return receiveFrom(peer);
  } finally {
    closeSync(peer);
  }
}

function receiveFrom(peer: number): number | null {
  const data = fixedBuffer(4096);
  const control = fixedBuffer(64);
  const vector = fixedBuffer(16);
  vector.writeBigUInt64LE(BigInt(ptr(data)), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const header = fixedBuffer(56);
  header.writeBigUInt64LE(BigInt(ptr(vector)), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(BigInt(ptr(control)), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  if (Number(libc.recvmsg(peer, ptr(header), MSG_CMSG_CLOEXEC)) === -1) {
    if (lastErrno() === EAGAIN) return null;
    throw new SyscallError("recvmsg", lastErrno());
  }
  const length = Number(control.readBigUInt64LE(0));
  if (length < 20 || control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return null;
  return control.readInt32LE(16);
}

const POLLHUP = 0x10;

/** True when the peer of a connected socket has closed both directions. */
export function hasHungUp(fd: number): boolean {
  const request = fixedBuffer(8);
  request.writeInt32LE(fd, 0);
  return libc.poll(ptr(request), 1, 0) === 1 && (request.readInt16LE(6) & POLLHUP) !== 0;
}
