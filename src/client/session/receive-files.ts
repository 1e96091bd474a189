/**
 * The receiving side of fsutil's protocol: a tree of files comes into a directory. What is there already and is not of the
 * tree stays. The sender is not trusted: every path is taken below the directory, through no link that leads out.
 */
import { chmod, type FileHandle, link, lstat, lutimes, mkdir, open, rm, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fromGoMode, goMode, packetTypes } from "../../api/buildkit/files.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { isDirectory, isSymlink } from "./file-stat.ts";
import type { PacketStream, WirePacket } from "./send-files.ts";

type WireStat = NonNullable<WirePacket["stat"]>;

export async function receiveFiles(root: string, stream: PacketStream): Promise<void> {
  await mkdir(root, { recursive: true });
  await new Receiver(root, stream).run();
}

class Receiver {
  readonly #root: string;
  readonly #stream: PacketStream;
  readonly #open = new Map<number, { readonly file: FileHandle; readonly stat: WireStat }>();
  /** Their times change while files come into them. */
  readonly #directories: WireStat[] = [];
  readonly #links: WireStat[] = [];
  /** Directories that were made or looked at: none of them is a link. */
  readonly #safe = new Set<string>([""]);
  #told = 0;
  #isTold = false;

  constructor(root: string, stream: PacketStream) {
    this.#root = root;
    this.#stream = stream;
  }

  async run(): Promise<void> {
    try {
      // Not by for-await: leaving it would close the stream before its status is told.
      const packets = this.#stream.requests[Symbol.asyncIterator]();
      for (let next = await packets.next(); !next.done; next = await packets.next())
        if (await this.#take(next.value)) return;
      throw new GrpcError(statusCodes.internal, "the files broke off");
    } finally {
      for (const { file } of this.#open.values()) await file.close();
    }
  }

  /** True once the sender has said its last. */
  async #take(packet: WirePacket): Promise<boolean> {
    switch (packet.type) {
      case packetTypes.stat:
        if (packet.stat) await this.#make(packet.stat, this.#told++);
        else {
          this.#isTold = true;
          await this.#finishIfDone();
        }
        return false;
      case packetTypes.data:
        await this.#write(packet);
        return false;
      case packetTypes.error:
        throw new GrpcError(statusCodes.unknown, Buffer.from(packet.data).toString());
      case packetTypes.finished:
        return true;
      default:
        return false;
    }
  }

  async #finishIfDone(): Promise<void> {
    if (!this.#isTold || this.#open.size > 0) return;
    for (const stat of this.#links) await this.#makeLink(stat);
    for (const stat of this.#directories.reverse()) {
      const path = join(this.#root, stat.path);
      await chmod(path, fromGoMode(stat.mode));
      await utimes(path, seconds(stat), seconds(stat));
    }
    await this.#stream.send({ type: packetTypes.finished });
  }

  async #make(stat: WireStat, id: number): Promise<void> {
    const path = await this.#pathOf(stat.path);
    if (isDirectory(stat.mode)) return this.#makeDirectory(stat, path);
    await rm(path, { force: true, recursive: true });
    if (isSymlink(stat.mode)) {
      await symlink(stat.linkname, path);
      await lutimes(path, seconds(stat), seconds(stat));
    } else if (stat.linkname !== "") this.#links.push(stat);
    else if ((stat.mode & goMode.type) === 0) {
      this.#open.set(id, { file: await open(path, "wx", 0o600), stat });
      await this.#stream.send({ type: packetTypes.request, id });
    }
    // Devices, pipes and sockets of a result are nothing to make on a client's host.
  }

  async #makeDirectory(stat: WireStat, path: string): Promise<void> {
    const found = await lstat(path).catch(() => null);
    if (found && !found.isDirectory()) await rm(path);
    if (!found?.isDirectory()) await mkdir(path, { mode: 0o700 });
    this.#safe.add(stat.path);
    this.#directories.push(stat);
  }

  async #makeLink(stat: WireStat): Promise<void> {
    await link(await this.#pathOf(stat.linkname), await this.#pathOf(stat.path));
  }

  async #write({ id, data }: WirePacket): Promise<void> {
    const target = this.#open.get(id);
    if (!target) throw new GrpcError(statusCodes.invalidArgument, `bytes came for file ${id}, which was not asked for`);
    const { file, stat } = target;
    if (data.length > 0) {
      for (let at = 0; at < data.length; ) at += (await file.write(data, at)).bytesWritten;
      return;
    }
    await file.chmod(fromGoMode(stat.mode));
    await file.utimes(seconds(stat), seconds(stat));
    await file.close();
    this.#open.delete(id);
    await this.#finishIfDone();
  }

  /** The path below the root; each directory on the way is one, and no link. */
  async #pathOf(path: string): Promise<string> {
    const parts = path.split("/");
    if (
      path.startsWith("/") ||
      path.includes("\0") ||
      parts.some((part) => part === "" || part === "." || part === "..")
    )
      throw new GrpcError(statusCodes.invalidArgument, `invalid path ${JSON.stringify(path)} in what is exported`);
    const directory = dirname(path) === "." ? "" : dirname(path);
    if (!this.#safe.has(directory)) {
      let above = "";
      for (const part of directory.split("/")) {
        above = above === "" ? part : `${above}/${part}`;
        const found = await lstat(join(this.#root, above)).catch(() => null);
        if (!found?.isDirectory()) throw new GrpcError(statusCodes.invalidArgument, `${above} is no directory`);
        this.#safe.add(above);
      }
    }
    return join(this.#root, path);
  }
}

const seconds = ({ modTime }: WireStat): number => Number(modTime) / 1e9;
