/**
 * Files fetched by http(s), each asked for anew at every build and sent again only where it has changed:
 *
 *     <root>/<sha256 of the address and its credentials>/kept.json   what the server said of it
 *     <root>/<...>/file
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Operation } from "../../lib/operation.ts";
import { NamedLocks } from "../../lib/operation-lock.ts";
import { UseCounts } from "../../lib/use-counts.ts";
import type { KeptDirectories, KeptDirectory } from "../cache/cache-keeper.ts";
import { fetchFile, fileMode, type HttpFile, matchesChecksum, type Validators } from "../steps/http-source.ts";

export class HttpSources implements KeptDirectories {
  readonly #root: string;
  readonly #discard: (path: string) => void;
  readonly #locks = new NamedLocks();
  readonly #users = new UseCounts();

  constructor(root: string, discard: (path: string) => void) {
    this.#root = root;
    this.#discard = discard;
  }

  /** The file in `directory` under its own name; throws as {@link fetchFile}. */
  async fetch(file: HttpFile, directory: string, op: Operation): Promise<void> {
    const { url, credentials, fileName } = file;
    const id = new Bun.CryptoHasher("sha256").update(JSON.stringify([url, credentials])).digest("hex");
    using _ = this.#users.take(id);
    await this.#locks.run(id, async () => {
      const place = join(this.#root, id);
      const kept = readKept(place);
      const path = join(directory, fileName);
      const fetched = await fetchFile(file, directory, op.signal, kept);
      if (fetched.isNew) {
        keep(place, path, fetched);
        return;
      }
      copy(join(place, "file"), path);
      await matchesChecksum(file, path);
      utimesSync(place, new Date(), new Date());
    });
  }

  async list(): Promise<KeptDirectory[]> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    return readdirSync(this.#root).map((id) => {
      const place = join(this.#root, id);
      const { birthtime, mtime } = statSync(place);
      const size = statSync(join(place, "file"), { throwIfNoEntry: false })?.size ?? 0;
      return { id, size, inUse: this.#users.has(id), createdAt: birthtime, lastUsedAt: mtime };
    });
  }

  remove(id: string): boolean {
    const place = join(this.#root, id);
    if (this.#users.has(id) || statSync(place, { throwIfNoEntry: false }) === undefined) return false;
    this.#discard(place);
    return true;
  }
}

/** Null where nothing whole is kept: the description is written last. */
function readKept(place: string): Validators | null {
  try {
    const { etag, lastModified } = JSON.parse(readFileSync(join(place, "kept.json"), "utf8")) as Partial<Validators>;
    return { etag: etag ?? null, lastModified: lastModified ?? null };
  } catch {
    return null;
  }
}

/** A file of which the server says nothing could never be asked about, and is not kept. */
function keep(place: string, path: string, { etag, lastModified }: Validators): void {
  rmSync(place, { recursive: true, force: true });
  if (etag === null && lastModified === null) return;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  copy(path, join(place, "file"));
  writeFileSync(join(place, "kept.json.new"), JSON.stringify({ etag, lastModified }), { mode: 0o600 });
  renameSync(join(place, "kept.json.new"), join(place, "kept.json"));
}

function copy(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  const { atime, mtime } = statSync(from);
  chmodSync(to, fileMode);
  utimesSync(to, atime, mtime);
}
