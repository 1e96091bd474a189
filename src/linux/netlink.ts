/**
 * Netlink messages and sockets (netlink(7)). Everything is in host byte order unless a caller says otherwise; the
 * engine runs on little-endian machines only.
 */
import { check, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { errnoName, SyscallError } from "./syscall-error.ts";

const libc = openLibc({
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  send: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  setsockopt: {
    args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i32,
  },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
});

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLMSGERR_ATTR_MSG = 1;

/** One request: its type, its flags (without REQUEST) and its payload. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** An attribute of raw bytes, padded to four. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const length = 4 + value.length;
  const out = Buffer.alloc((length + 3) & ~3);
  out.writeUInt16LE(length, 0);
  out.writeUInt16LE(type, 2);
  out.set(value, 4);
  return out;
}

/** An attribute holding attributes. */
export function nested(type: number, ...parts: Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

export function attributeString(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`, "utf8"));
}

export function attributeU8(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value));
}

export function attributeU16(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return attribute(type, bytes);
}

export function attributeU32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return attribute(type, bytes);
}

/** A 32-bit attribute in network byte order, as nf_tables wants its numbers. */
export function attributeBe32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return attribute(type, bytes);
}

export function attributeBe64(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return attribute(type, bytes);
}

/** The attributes in `bytes` by type; of one that repeats, the last. */
export function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (const [type, value] of eachAttribute(bytes)) found.set(type, value);
  return found;
}

/** The attributes in `bytes` in order, flag bits taken off their types. Stops at a malformed one. */
export function* eachAttribute(bytes: Buffer): Generator<[number, Buffer]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return;
    yield [bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)];
    at += (length + 3) & ~3;
  }
}

/** The text of a NUL-terminated attribute. */
export function attributeText(value: Buffer | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end === -1 ? value.length : end);
}

/** Where answers arrive, for all sockets: each is read to its end inside one synchronous call. */
const answers = Buffer.alloc(256 * 1024);

/**
 * One netlink socket, used synchronously: the kernel answers inside the call. It belongs to the network namespace in
 * which it was opened, for as long as it is open, wherever its thread goes.
 */
export class NetlinkSocket implements Disposable {
  readonly fd: number;
  #sequence = 1;

  constructor(protocol: number) {
    this.fd = check(libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "socket", "netlink");
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK);
    check(libc.bind(this.fd, ptr(address), address.length), "bind", "netlink");
    this.#option(SOL_NETLINK, NETLINK_CAP_ACK, 1);
    this.#option(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    this.#option(SOL_SOCKET, SO_RCVBUF, 1024 * 1024);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(10n, 0);
    libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, ptr(timeout), timeout.length);
  }

  /**
   * Sends the messages in one go and waits for the acknowledgement of each that asks for one. The first failure is
   * thrown after all answers are in; the kernel has by then tried every message.
   */
  request(what: string, ...messages: NetlinkMessage[]): void {
    const first = this.#send(what, messages);
    let pending = messages.filter((message) => message.flags & NLM_F_ACK).length;
    let failure: SyscallError | undefined;
    while (pending > 0) {
      for (const reply of this.#receive(what)) {
        if (reply.sequence < first || reply.type !== NLMSG_ERROR) continue;
        failure ??= failureOf(what, reply);
        pending--;
      }
    }
    if (failure) throw failure;
  }

  /** The payloads of all parts of a dump, or of the one answer to a plain get. */
  query(what: string, message: NetlinkMessage): Buffer[] {
    const isDump = (message.flags & NLM_F_DUMP) === NLM_F_DUMP;
    const sequence = this.#send(what, [message]);
    const found: Buffer[] = [];
    for (;;) {
      for (const reply of this.#receive(what)) {
        if (reply.sequence !== sequence) continue;
        if (reply.type === NLMSG_DONE) return found;
        if (reply.type === NLMSG_ERROR) {
          const failure = failureOf(what, reply);
          if (failure) throw failure;
          return found;
        }
        found.push(Buffer.from(reply.payload));
        if (!isDump) return found;
      }
    }
  }

  [Symbol.dispose](): void {
    libc.close(this.fd);
  }

  #option(level: number, name: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    libc.setsockopt(this.fd, level, name, ptr(bytes), bytes.length);
  }

  #send(what: string, messages: readonly NetlinkMessage[]): number {
    const first = this.#sequence;
    const parts = messages.map((message) => {
      const header = Buffer.alloc(16);
      header.writeUInt32LE(16 + message.payload.length, 0);
      header.writeUInt16LE(message.type, 4);
      header.writeUInt16LE(message.flags | NLM_F_REQUEST, 6);
      header.writeUInt32LE(this.#sequence++, 8);
      const padding = Buffer.alloc(-message.payload.length & 3);
      return Buffer.concat([header, message.payload, padding]);
    });
    const bytes = Buffer.concat(parts);
    check(libc.send(this.fd, ptr(bytes), bytes.length, 0), "sendmsg", what);
    return first;
  }

  #receive(what: string): Reply[] {
    const size = libc.recv(this.fd, ptr(answers), answers.length, 0);
    if (size === -1) {
      const errno = lastErrno();
      if (errnoName(errno) === "EINTR") return [];
      throw new SyscallError("recvmsg", errno, what);
    }
    const replies: Reply[] = [];
    for (let at = 0; at + 16 <= size; ) {
      const length = answers.readUInt32LE(at);
      if (length < 16 || at + length > size) break;
      replies.push({
        type: answers.readUInt16LE(at + 4),
        flags: answers.readUInt16LE(at + 6),
        sequence: answers.readUInt32LE(at + 8),
        payload: answers.subarray(at + 16, at + length),
      });
      at += (length + 3) & ~3;
    }
    return replies;
  }
}

interface Reply {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

function failureOf(what: string, reply: Reply): SyscallError | undefined {
  const code = reply.payload.readInt32LE(0);
  if (code === 0) return undefined;
  let reason = "";
  if (reply.flags & NLM_F_ACK_TLVS) {
    const inner = reply.flags & NLM_F_CAPPED ? 16 : reply.payload.readUInt32LE(4);
    const text = readAttributes(reply.payload.subarray(4 + ((inner + 3) & ~3))).get(NLMSGERR_ATTR_MSG);
    if (text) reason = ` (${attributeText(text)})`;
  }
  return new SyscallError("netlink", -code, what + reason);
}
