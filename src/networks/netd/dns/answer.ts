/** Answers to DNS queries (RFC 1035) from what is known of containers; what is not is for the servers outside. */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  RECURSION_AVAILABLE,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { addressText, familyOf } from "../ip.ts";
import type { EndpointNames, NameTable } from "./names.ts";

/** What one container sees. */
export interface NameView {
  readonly table: NameTable;
  readonly seen: readonly EndpointNames[];
}

export const FORMERR = 1;
export const SERVFAIL = 2;
const NOTIMP = 4;

/** Seconds that a container's address may be remembered: Docker's figure. */
const ttl = 600;

/** Longest answer over UDP to a client that names no size of its own. */
const plainUdpSize = 512;

const headerSize = 12;

/** More than any resolver asks with (RFC 9715 section 3): what is read of a query must cost little, whoever sends it. */
const longestQuery = 1232;
/** An OPT record and a signature. */
const additionalRecords = 2;

/**
 * The answer to a query; `forward` when it is none of a container's names, `drop` for what is no query at all. Everything
 * about a known name is answered here, if only by nothing: no other server knows better.
 */
export function answerLocally(query: Uint8Array, { table, seen }: NameView, tcp: boolean): Buffer | "forward" | "drop" {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  if (bytes.length < headerSize || ((bytes[2] ?? 0) & 0x80) !== 0) return "drop";
  if (((bytes[2] ?? 0) & 0x78) !== 0) return failure(bytes, NOTIMP);
  if (bytes.length > longestQuery || !hasCounts(bytes)) return failure(bytes, FORMERR);
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return failure(bytes, FORMERR);
  }
  const [question] = packet.questions ?? [];
  if (!question) return failure(bytes, FORMERR);
  if (question.class !== undefined && question.class !== "IN") return "forward";
  const { name, type } = question;
  const answers: Answer[] = [];
  if (type === "PTR") {
    const address = reversedAddress(name);
    const data = address === null ? null : table.reverse(seen, address);
    if (data === null) return "forward";
    answers.push({ name, type, ttl, data });
  } else {
    const found = table.resolve(seen, name);
    if (found === null) return "forward";
    const family = type === "A" ? "ipv4" : type === "AAAA" ? "ipv6" : null;
    const fitting = found.filter((address) => familyOf(address) === family);
    for (const data of shuffled(fitting)) answers.push({ name, type: type as "A" | "AAAA", ttl, data });
  }
  const size = tcp ? 0xffff : Math.max(plainUdpSize, offeredSize(packet));
  return fitting({ id: packet.id ?? 0, flags: flagsOf(packet), questions: [question] }, answers, size);
}

/** One question, and none of the records that only answers have. */
const hasCounts = (query: Buffer): boolean =>
  query.readUInt16BE(4) === 1 && query.readUInt32BE(6) === 0 && query.readUInt16BE(10) <= additionalRecords;

/** The answer that a query failed, with its question where it can be repeated as it is. */
export function failure(query: Buffer, rcode: number): Buffer {
  const end = rcode === FORMERR ? headerSize : questionEnd(query);
  const answer = Buffer.from(query.subarray(0, end));
  answer.writeUInt16BE((query.readUInt16BE(2) & 0x7900) | 0x8000 | RECURSION_AVAILABLE | rcode, 2);
  answer.fill(0, 4, headerSize);
  if (end > headerSize) answer.writeUInt16BE(1, 4);
  return answer;
}

/** Where the one question of a message ends; the header's end when there is none that can be read. */
export function questionEnd(message: Buffer): number {
  let at = headerSize;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63) return headerSize;
    at += length + 1;
    if (length === 0) return at + 4 <= message.length ? at + 4 : headerSize;
  }
}

const flagsOf = ({ flags = 0 }: Packet): number => (flags & 0x0100) | AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE;

/** The size that the query's OPT record says its sender takes (RFC 6891). */
function offeredSize({ additionals = [] }: Packet): number {
  const option = additionals.find(({ type }) => type === "OPT");
  return option?.type === "OPT" ? option.udpPayloadSize : 0;
}

/** As many answers as go into `size` bytes; what is cut off is said so. */
function fitting(packet: Packet, answers: readonly Answer[], size: number): Buffer {
  for (let count = answers.length; ; count = Math.floor(count / 2)) {
    const cut = count < answers.length ? TRUNCATED_RESPONSE : 0;
    const made = encode({
      ...packet,
      type: "response",
      flags: (packet.flags ?? 0) | cut,
      answers: answers.slice(0, count),
    });
    if (made.length <= size || count === 0) return made;
  }
}

function shuffled(addresses: readonly string[]): readonly string[] {
  if (addresses.length < 2) return addresses;
  const order = [...addresses];
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [order[at], order[other]] = [order[other] as string, order[at] as string];
  }
  return order;
}

/** `10.2.0.1` of `1.0.2.10.in-addr.arpa`, and the address of a name of 32 digits in ip6.arpa (RFC 3596 section 2.5). */
function reversedAddress(name: string): string | null {
  const [, digits] = /^((?:\d{1,3}\.){4})in-addr\.arpa$/i.exec(name) ?? [];
  if (digits !== undefined) return digits.split(".").slice(0, 4).reverse().join(".");
  const [, nibbles] = /^((?:[0-9a-f]\.){32})ip6\.arpa$/i.exec(name) ?? [];
  if (nibbles === undefined) return null;
  const value = BigInt(`0x${nibbles.replaceAll(".", "").split("").reverse().join("")}`);
  return addressText({ family: "ipv6", value });
}
