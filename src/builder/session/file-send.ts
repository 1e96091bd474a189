/** What a build gives its client over the session: one file, or the files of a directory. */
import { constants, type Dirent, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import {
  exporterIdHeader,
  exporterMetadataPrefix,
  FileSend,
  FileSendBytes,
  goMode,
  type Packet,
  packetTypes,
  type Stat,
} from "../../api/buildkit/files.ts";
import { invalidArgument, systemError } from "../../lib/errors.ts";
import type { ClientCall } from "../../lib/grpc/client.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Written } from "../../lib/protobuf/message.ts";
import type { ClientSession } from "./sessions.ts";

/** Bytes of a file that go in one message. */
const pieceBytes = 64 << 10;

/** Opens the file that the client has for its exporter of that number; `facts` go along with it. */
export function openClientFile(
  session: ClientSession,
  exporter: number,
  facts: Readonly<Record<string, string>>,
  op: Operation,
): Writable {
  if (!session.serves(FileSendBytes.DiffCopy)) throw invalidArgument("the client takes no files");
  const metadata = new Map([[exporterIdHeader, [String(exporter)]]]);
  for (const [name, value] of Object.entries(facts)) metadata.set(exporterMetadataPrefix + name, [value]);
  const call = session.client.open(FileSendBytes.DiffCopy, { metadata, signal: op.signal });
  return new Writable({
    write(data: Buffer, _encoding, done) {
      sendPieces(data, (piece) => call.send({ data: piece })).then(() => done(), done);
    },
    final(done) {
      call.end();
      drained(call.responses).then(() => done(), done);
    },
    destroy(error, done) {
      void call[Symbol.asyncDispose]().then(() => done(error));
    },
  });
}

async function sendPieces(data: Uint8Array, send: (piece: Uint8Array) => Promise<void>): Promise<void> {
  for (let at = 0; at < data.length; at += pieceBytes) await send(data.subarray(at, at + pieceBytes));
}

/** The other side's end tells whether it has all. */
async function drained(responses: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of responses);
}

/** A directory whose files are to be sent. */
export interface SentDirectory {
  readonly root: string;
  /** Seconds: the time that all files get; null is their own. */
  readonly epoch: number | null;
}

/** Sends all files below the root, none of which may change meanwhile. */
export async function sendDirectory(
  session: ClientSession,
  exporter: number,
  directory: SentDirectory,
  op: Operation,
): Promise<void> {
  if (!session.serves(FileSend.DiffCopy)) throw invalidArgument("the client takes no directory");
  const metadata = new Map([[exporterIdHeader, [String(exporter)]]]);
  await using call = session.client.open(FileSend.DiffCopy, { metadata, signal: op.signal });
  await new Sending(call, directory).run();
}

class Sending {
  readonly #call: ClientCall<(typeof Packet)["fields"], (typeof Packet)["fields"]>;
  readonly #root: string;
  readonly #epoch: number | null;
  /** Paths of the files that can be asked for, by number. */
  readonly #files = new Map<number, string>();
  /** The first path of each file that has several, by inode. */
  readonly #linked = new Map<string, string>();
  #count = 0;

  constructor(call: ClientCall<(typeof Packet)["fields"], (typeof Packet)["fields"]>, { root, epoch }: SentDirectory) {
    this.#call = call;
    this.#root = root;
    this.#epoch = epoch;
  }

  async run(): Promise<void> {
    const answering = this.#answer();
    answering.catch(() => {});
    await this.#list("");
    await this.#call.send({ type: packetTypes.stat });
    await answering;
  }

  async #list(directory: string): Promise<void> {
    const entries = readdirSync(join(this.#root, directory), { withFileTypes: true });
    const byName = (a: Dirent, b: Dirent): number => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
    for (const entry of entries.sort(byName)) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      const stat = this.#stat(path);
      // A socket cannot be sent.
      if (stat === null) continue;
      if ((stat.mode! & goMode.type) === 0 && stat.linkname === undefined) this.#files.set(this.#count, path);
      this.#count++;
      await this.#call.send({ type: packetTypes.stat, stat });
      if (entry.isDirectory()) await this.#list(path);
    }
  }

  #stat(path: string): Written<typeof Stat> | null {
    const whole = join(this.#root, path);
    const found = lstatSync(whole, { bigint: true });
    if (found.isSocket()) return null;
    const stat = {
      path,
      mode: goModeOf(Number(found.mode)),
      uid: Number(found.uid),
      gid: Number(found.gid),
      modTime: this.#epoch === null ? found.mtimeNs : BigInt(this.#epoch) * 1_000_000_000n,
    };
    if (found.isSymbolicLink()) return { ...stat, linkname: readlinkSync(whole) };
    if (found.isCharacterDevice() || found.isBlockDevice()) {
      return { ...stat, devmajor: major(found.rdev), devminor: minor(found.rdev) };
    }
    if (!found.isFile()) return stat;
    const size = Number(found.size);
    if (found.nlink === 1n) return { ...stat, size };
    const inode = `${found.dev} ${found.ino}`;
    const first = this.#linked.get(inode);
    if (first !== undefined) return { ...stat, size, linkname: first };
    this.#linked.set(inode, path);
    return { ...stat, size };
  }

  async #answer(): Promise<void> {
    const wanted: number[] = [];
    let wake = Promise.withResolvers<void>();
    let end: { readonly error?: unknown } | null = null;
    const reading = (async () => {
      for await (const { type, id, data } of this.#call.responses) {
        if (type === packetTypes.error) throw systemError(`error from receiver: ${Buffer.from(data)}`);
        if (type === packetTypes.finished) {
          await this.#call.send({ type: packetTypes.finished });
          this.#call.end();
        } else if (type === packetTypes.request) {
          wanted.push(id);
          wake.resolve();
        }
      }
    })().then(
      () => {
        end = {};
      },
      (error: unknown) => {
        end = { error };
      },
    );
    void reading.then(() => wake.resolve());
    for (;;) {
      const id = wanted.shift();
      if (id !== undefined) await this.#send(id);
      else if (end !== null) break;
      else {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        if (end !== null) wake.resolve();
      }
    }
    const { error } = end as { readonly error?: unknown };
    if (error !== undefined) throw error;
  }

  async #send(id: number): Promise<void> {
    const path = this.#files.get(id);
    if (path === undefined) throw invalidArgument(`the client asked for file ${id}, which there is not`);
    this.#files.delete(id);
    await using file = await open(join(this.#root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, pieceBytes);
      if (bytesRead > 0) await this.#call.send({ type: packetTypes.data, id, data: piece.subarray(0, bytesRead) });
      else break;
    }
    await this.#call.send({ type: packetTypes.data, id });
  }
}

const types: ReadonlyMap<number, number> = new Map([
  [0o040000, goMode.directory],
  [0o120000, goMode.symlink],
  [0o010000, goMode.namedPipe],
  [0o140000, goMode.socket],
  [0o060000, goMode.device],
  [0o020000, goMode.device | goMode.characterDevice],
]);

/** The kernel's mode as Go has it. */
function goModeOf(mode: number): number {
  let bits = (mode & 0o777) | (types.get(mode & 0o170000) ?? 0);
  if (mode & 0o4000) bits |= goMode.setuid;
  if (mode & 0o2000) bits |= goMode.setgid;
  if (mode & 0o1000) bits |= goMode.sticky;
  return bits >>> 0;
}

const major = (device: bigint): number => Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
const minor = (device: bigint): number => Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
