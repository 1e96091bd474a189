/**
 * The sending side of fsutil's protocol: every file is told of, in order, then an empty stat; the receiver asks for the
 * bytes of those that it has not, by their places in that order, and says when it has all.
 */
import { type FileHandle, open } from "node:fs/promises";
import { type Packet, packetTypes } from "../../api/buildkit/files.ts";
import { listDigest } from "../../api/buildkit/list-digest.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import type { InputOf, Read } from "../../lib/protobuf/message.ts";
import type { FileStat } from "./file-stat.ts";

export type WirePacket = Read<typeof Packet>;
type PacketInput = InputOf<typeof Packet.fields>;

/** Where the files are. */
export interface FileSource {
  stats(): Iterable<FileStat>;
  /** The bytes of a regular file, pieces of any size; throws by name for one that has gone or changed. */
  read(stat: FileStat): AsyncIterable<Uint8Array>;
}

export interface PacketStream {
  readonly requests: AsyncIterable<WirePacket>;
  send(packet: PacketInput): Promise<void>;
}

/** What was sent: for whoever measures. */
export interface SentFiles {
  readonly told: number;
  readonly read: number;
}

/** How many files are read at once. */
const mostReaders = 4;

/** `known` is the digest of a list that the receiver has already; it is not told again. */
export async function sendFiles(source: FileSource, given: PacketStream, known?: string): Promise<SentFiles> {
  const stream = inTurn(given);
  const told: FileStat[] = [];
  const telling = known === undefined ? tell(source.stats(), stream, told) : tellChanged(source, stream, told, known);
  const counts = { read: 0 };
  // Requests come while stats are still told; both ends have to go on at once.
  const answering = answer(source, stream, told, counts);
  try {
    await Promise.all([telling, answering]);
  } catch (error) {
    await stream.send({ type: packetTypes.error, data: Buffer.from(textOf(error)) }).catch(() => undefined);
    throw error;
  }
  return { told: told.length, read: counts.read };
}

/** One send waits for room at a time, the others for it. */
function inTurn({ requests, send }: PacketStream): PacketStream {
  let last: Promise<unknown> = Promise.resolve();
  return {
    requests,
    send(packet) {
      const sending = last.then(() => send(packet));
      last = sending.catch(() => undefined);
      return sending;
    },
  };
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function tellChanged(source: FileSource, stream: PacketStream, told: FileStat[], known: string): Promise<void> {
  const all = [...source.stats()];
  if (listDigest(all) !== known) return await tell(all, stream, told);
  told.push(...all);
  await stream.send({ type: packetTypes.unchanged });
}

async function tell(stats: Iterable<FileStat>, stream: PacketStream, told: FileStat[]): Promise<void> {
  for (const stat of stats) {
    // Only what may be asked for is kept in full.
    told.push(stat);
    await stream.send({ type: packetTypes.stat, stat: wireStat(stat) });
  }
  await stream.send({ type: packetTypes.stat });
}

function wireStat({ xattrs, devmajor, devminor, size, ...stat }: FileStat): NonNullable<PacketInput["stat"]> {
  return {
    ...stat,
    size,
    devmajor,
    devminor,
    ...(xattrs !== null && { xattrs: new Map(Object.entries(xattrs)) }),
  };
}

async function answer(
  source: FileSource,
  stream: PacketStream,
  told: readonly FileStat[],
  counts: { read: number },
): Promise<void> {
  const readers = new Set<Promise<void>>();
  let failure: unknown = null;
  // Not by for-await: leaving it would close the stream, on which our last word still goes out.
  const packets = stream.requests[Symbol.asyncIterator]();
  for (let next = await packets.next(); !next.done && failure === null; next = await packets.next()) {
    const packet = next.value;
    if (packet.type === packetTypes.finished) {
      await Promise.all(readers);
      await stream.send({ type: packetTypes.finished });
      return;
    }
    if (packet.type === packetTypes.error) throw new Error(Buffer.from(packet.data).toString());
    if (packet.type !== packetTypes.request) continue;
    const stat = told[packet.id];
    if (!stat) throw new GrpcError(statusCodes.invalidArgument, `there is no file ${packet.id}`);
    counts.read++;
    const reader = sendFile(source, stream, stat, packet.id)
      .catch((error: unknown) => {
        failure ??= error;
        throw error;
      })
      .finally(() => readers.delete(reader));
    reader.catch(() => undefined);
    readers.add(reader);
    if (readers.size >= mostReaders) await Promise.race(readers);
  }
  if (failure !== null) throw failure;
  await Promise.all(readers);
}

async function sendFile(source: FileSource, stream: PacketStream, stat: FileStat, id: number): Promise<void> {
  for await (const data of source.read(stat)) await stream.send({ type: packetTypes.data, id, data });
  await stream.send({ type: packetTypes.data, id });
}

/**
 * Of a message that is longer than the receiver's window (64 KiB), Bun's node:http2 sends the beginning and then nothing more: seen
 * with 1.4.5 and pieces of 256 KiB.
 */
export const pieceBytes = 32 << 10;

/** A regular file's bytes, as many as were told of. */
export async function* readFileBytes(path: string, { path: name, size }: FileStat): AsyncGenerator<Uint8Array> {
  await using file = await openTold(path, name);
  let left = size;
  while (left > 0) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(pieceBytes, left)), 0, undefined, null);
    if (bytesRead === 0) throw new Error(`${name} changed while it was sent: it has ${left} of ${size} bytes less`);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function openTold(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT") throw new Error(`${name} vanished while the files were sent`, { cause: error });
    if (code === "EACCES") throw new Error(`${name} cannot be read: permission denied`, { cause: error });
    throw error;
  }
}

/** A few files that stand in no directory, such as a Dockerfile from standard input. */
export function memorySource(files: Readonly<Record<string, Uint8Array>>): FileSource {
  const names = Object.keys(files).sort();
  return {
    stats: () =>
      names.map((path) => ({
        path,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: files[path]?.length ?? 0,
        modTime: 0n,
        linkname: "",
        devmajor: 0,
        devminor: 0,
        xattrs: null,
      })),
    async *read({ path }) {
      const bytes = files[path] ?? new Uint8Array();
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}
