/** Datagrams over unix sockets (unix(7)), which Bun lacks: syslog's and the journal's way in. */
import { closeSync } from "node:fs";
import { check, FFIType, fixedBuffer, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, u32, u64, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  socket: { args: [i32, i32, i32], returns: i32 },
  connect: { args: [i32, pointer, u32], returns: i32 },
  send: { args: [i32, pointer, u64, i32], returns: i64_fast },
  sendmsg: { args: [i32, pointer, i32], returns: i64_fast },
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const EAGAIN = 11;
const EMSGSIZE = 90;
const ENOBUFS = 105;
const longestPath = 107;

/** What became of a datagram: `full` asks to try again later, `tooLong` never will go. */
export type Sent = "sent" | "full" | "tooLong";

/** A socket connected to the one at a path. Nothing here blocks. Throws SyscallError when nobody listens there. */
export class UnixDatagram implements Disposable {
  #fd: number;

  constructor(path: string) {
    const bytes = Buffer.from(path);
    if (bytes.length > longestPath) throw new RangeError(`socket path is too long: ${JSON.stringify(path)}`);
    const address = fixedBuffer(longestPath + 3);
    address.writeUInt16LE(AF_UNIX, 0);
    bytes.copy(address, 2);
    this.#fd = check(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
    try {
      check(libc.connect(this.#fd, ptr(address), bytes.length + 3), "connect", path);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  send(bytes: Uint8Array): Sent {
    return outcome(libc.send(this.#fd, ptr(bytes), bytes.length, MSG_NOSIGNAL), "send");
  }

  /** Sends a descriptor, which stays the caller's, in an empty datagram. */
  sendDescriptor(fd: number): Sent {
    // struct cmsghdr with one int, padded to 24 bytes; then struct msghdr, of 56.
    const control = fixedBuffer(24);
    control.writeBigUInt64LE(20n, 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    control.writeInt32LE(fd, 16);
    const message = fixedBuffer(56);
    message.writeBigUInt64LE(BigInt(ptr(control)), 32);
    message.writeBigUInt64LE(24n, 40);
    return outcome(libc.sendmsg(this.#fd, ptr(message), MSG_NOSIGNAL), "sendmsg");
  }

  [Symbol.dispose](): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }
}

function outcome(result: number | bigint, syscall: string): Sent {
  if (Number(result) !== -1) return "sent";
  const errno = lastErrno();
  if (errno === EAGAIN || errno === ENOBUFS) return "full";
  if (errno === EMSGSIZE) return "tooLong";
  throw new SyscallError(syscall, errno);
}
