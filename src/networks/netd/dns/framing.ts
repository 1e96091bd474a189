/** DNS messages over TCP: two bytes of length before each (RFC 1035, 4.2.2). */

export function framed(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(message.length + 2);
  out.writeUInt16BE(message.length, 0);
  out.set(message, 2);
  return out;
}

/** Cuts a stream of bytes into messages. Holds one unfinished message at most. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that `bytes` completes. */
  push(bytes: Uint8Array): Buffer[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const found: Buffer[] = [];
    let at = 0;
    while (all.length - at >= 2) {
      const end = at + 2 + all.readUInt16BE(at);
      if (end > all.length) break;
      found.push(all.subarray(at + 2, end));
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
    return found;
  }
}
