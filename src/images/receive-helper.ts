/** Helpers that take in what a client sends: an archive of images, or one layer. Hashing and writing are away from the daemon. */
import { ContentStore, type SealedBlob } from "../content/content-store.ts";
import type { Ingest } from "../content/ingest.ts";
import { answer, tellCaller } from "../helper/helper-process.ts";
import { decompress } from "../lib/compression.ts";
import { invalidArgument } from "../lib/errors.ts";
import type { TarEntry } from "../lib/tar/entry.ts";
import { TarReader } from "../lib/tar/reader.ts";
import { Budget } from "../snapshots/unpack/budget.ts";
import { maxManifestSize } from "./manifest.ts";

/** Most members of an archive of images. */
const maxMembers = 100_000;
/** Members that are read whole: one that is too large for that is refused before its first byte is stored. */
const tables = ["manifest.json", "index.json"];
/** Syncs that may wait for the disk while the next member comes in. */
const maxPendingSeals = 8;

export interface ReceiveRequest {
  readonly contentRoot: string;
  /** What the ingests' names begin with. */
  readonly session: string;
}

/** One line of `receive-archive`: a member and what it is. Names never reach the file system. */
export type MemberLine =
  | { readonly name: string; readonly blob: SealedBlob }
  | { readonly name: string; readonly link: string };

/** `receive-archive`: stdin is the archive, packed or not; each file in it becomes a sealed blob. */
export async function receiveArchiveMain(args: string[]): Promise<void> {
  await answer<ReceiveRequest, true>(args, receiveArchive);
}

async function receiveArchive({ contentRoot, session }: ReceiveRequest): Promise<true> {
  const content = new ContentStore(contentRoot);
  const budget = Budget.at(contentRoot);
  const seals = new Set<Promise<void>>();
  let failure: unknown = null;
  let ingest: Ingest | null = null;
  let name = "";
  let count = 0;
  const reader = new TarReader({
    entry(entry: TarEntry) {
      name = cleanName(entry.path);
      if (count++ >= maxMembers) throw invalidArgument("archive has too many members");
      if (tables.includes(name) && entry.size > maxManifestSize) {
        throw invalidArgument(`${name} in archive is larger than ${maxManifestSize} bytes`);
      }
      if (entry.type === "file") ingest = content.ingest(session);
      else if (entry.type === "symlink" || entry.type === "hardlink") {
        const target = cleanName(entry.linkPath);
        const dir = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "";
        tellCaller({ name, link: entry.type === "hardlink" ? target : joinName(dir, target) } satisfies MemberLine);
      }
    },
    data(bytes) {
      if (!ingest) return;
      budget.takeBytes(bytes.length);
      ingest.write(bytes);
    },
    hole() {
      throw invalidArgument("archive of images holds a sparse file");
    },
    end() {
      if (!ingest) return;
      const own = name;
      const seal = ingest.seal(null).then(
        (blob) => tellCaller({ name: own, blob } satisfies MemberLine),
        (error: unknown) => {
          failure ??= error;
        },
      );
      ingest = null;
      seals.add(seal);
      seal.finally(() => seals.delete(seal));
    },
  });
  try {
    for await (const chunk of decompress(Bun.stdin.stream() as AsyncIterable<Uint8Array>)) {
      reader.push(chunk);
      while (seals.size >= maxPendingSeals) await Promise.race(seals);
      if (failure) throw failure;
    }
    reader.finish();
  } finally {
    (ingest as Ingest | null)?.discard();
    await Promise.all(seals);
  }
  if (failure) throw failure;
  return true;
}

/** `receive-layer`: stdin is a tar, packed or not; the unpacked tar becomes a sealed blob. */
export async function receiveLayerMain(args: string[]): Promise<void> {
  await answer<ReceiveRequest, SealedBlob>(args, async ({ contentRoot, session }) => {
    using ingest = new ContentStore(contentRoot).ingest(session);
    const budget = Budget.at(contentRoot);
    for await (const chunk of decompress(Bun.stdin.stream() as AsyncIterable<Uint8Array>)) {
      budget.takeBytes(chunk.length);
      ingest.write(chunk);
    }
    return await ingest.seal(null);
  });
}

/** A member's name without the leading `./` that some archivers write. */
export function cleanName(bytes: Buffer | string): string {
  return bytes.toString("utf8").replace(/^(?:\.\/)+/, "");
}

function joinName(dir: string, target: string): string {
  const parts: string[] = [];
  for (const part of `${dir}/${target}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}
