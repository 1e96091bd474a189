/** A client's files over its session: fsutil's protocol, this side receiving. */
import { FileSync, fileSyncHeaders, type Packet, packetTypes } from "../../api/buildkit/files.ts";
import { invalidArgument, systemError } from "../../lib/errors.ts";
import type { ClientCall } from "../../lib/grpc/client.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Read } from "../../lib/protobuf/message.ts";
import { FileList } from "../context/file-list.ts";
import type { FileSource, KeptContexts } from "../context/kept-contexts.ts";
import type { ReceivedFiles, WantedFiles } from "../request-sources.ts";
import { encodedMetadata } from "./metadata.ts";
import type { ClientSession } from "./sessions.ts";

type FilesCall = ClientCall<(typeof Packet)["fields"], (typeof Packet)["fields"]>;

/** Is told how many bytes of a directory have come so far. */
export type TransferProgress = (bytes: number) => void;

export interface SessionFiles {
  receive(name: string, wanted: WantedFiles, tell: TransferProgress, op: Operation): Promise<ReceivedFiles>;
}

export function sessionFiles(session: ClientSession, kept: KeptContexts): SessionFiles {
  const receive = async (
    name: string,
    wanted: WantedFiles,
    tell: TransferProgress,
    op: Operation,
    mayKnow = true,
  ): Promise<ReceivedFiles> => {
    if (!session.serves(FileSync.DiffCopy)) throw invalidArgument("no local sources enabled by the client");
    const owner = session.facts.sharedKey || session.facts.id;
    const key = JSON.stringify([owner, name, wanted.include, wanted.exclude, wanted.follow]);
    const known = mayKnow ? kept.knownList(key) : null;
    const metadata = encodedMetadata({
      [fileSyncHeaders.directory]: [name],
      [fileSyncHeaders.include]: wanted.include,
      [fileSyncHeaders.exclude]: wanted.exclude,
      [fileSyncHeaders.follow]: wanted.follow,
      [fileSyncHeaders.known]: known === null ? [] : [known],
    });
    await using call = session.client.open(FileSync.DiffCopy, { metadata, signal: op.signal });
    const stream = new Receiving(call, tell);
    const source = await stream.begin(known !== null);
    const files = source === null ? await kept.holdKnown(key, known ?? "") : await kept.receive(key, source);
    try {
      await stream.finish();
    } catch (error) {
      await files?.[Symbol.asyncDispose]();
      throw error;
    }
    // Another build has received another list meanwhile.
    return files ?? (await receive(name, wanted, tell, op, false));
  };
  return { receive };
}

class Receiving {
  readonly #call: FilesCall;
  readonly #packets: AsyncIterator<Read<typeof Packet>>;
  readonly #tell: (bytes: number) => void;
  bytes = 0;

  constructor(call: FilesCall, tell: (bytes: number) => void) {
    this.#call = call;
    this.#packets = call.responses[Symbol.asyncIterator]();
    this.#tell = tell;
  }

  async #next(): Promise<Read<typeof Packet>> {
    const { done, value } = await this.#packets.next();
    if (done) throw systemError("the client stopped sending its files");
    if (value.type === packetTypes.error) throw systemError(`error from sender: ${Buffer.from(value.data)}`);
    return value;
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    this.#tell(this.bytes);
  }

  /** Resolves once the whole list is here; null says that it is the one that was named to the client. */
  async begin(isKnown: boolean): Promise<FileSource | null> {
    const list = new FileList();
    for (;;) {
      const { type, stat } = await this.#next();
      if (type === packetTypes.unchanged && isKnown && list.files.size === 0) return null;
      if (type !== packetTypes.stat) throw invalidArgument(`unexpected packet of type ${type} in a list of files`);
      if (stat === undefined) break;
      this.#count(stat.path.length + stat.linkname.length + 24);
      list.add(stat);
    }
    return { files: list.files, fetch: (numbers, take) => this.#fetch(numbers, take) };
  }

  async #fetch(numbers: readonly number[], take: (number: number, data: Uint8Array) => void): Promise<void> {
    const missing = new Set(numbers);
    const asking = this.#ask(numbers);
    // Its failure is that of the call, which what is awaited below has as well.
    asking.catch(() => {});
    while (missing.size > 0) {
      const { type, id, data } = await this.#next();
      if (type !== packetTypes.data) throw invalidArgument(`unexpected packet of type ${type} among files`);
      if (!missing.has(id)) throw invalidArgument(`the client sent file ${id}, which nobody asked for`);
      this.#count(data.length);
      take(id, data);
      if (data.length === 0) missing.delete(id);
    }
    await asking;
  }

  async #ask(numbers: readonly number[]): Promise<void> {
    for (const id of numbers) await this.#call.send({ type: packetTypes.request, id });
  }

  async finish(): Promise<void> {
    await this.#call.send({ type: packetTypes.finished });
    const { type } = await this.#next();
    if (type !== packetTypes.finished) throw invalidArgument(`unexpected packet of type ${type} at the end of files`);
    this.#call.end();
    // The sender's own end: its status may still tell of a failure.
    for (let end = await this.#packets.next(); !end.done; ) end = await this.#packets.next();
  }
}
