/** Layers in another form than the one they are stored in: packed, unpacked, or with their files' times cut. */
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import type { Transform } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import * as v from "valibot";
import { ContentStore, type SealedBlob } from "../content/content-store.ts";
import { answer } from "../helper/helper-process.ts";
import { decompress, detectCompression } from "../lib/compression.ts";
import { type Digest, isDigest } from "../lib/digest.ts";
import { gzipFile } from "../lib/gzip-file.ts";
import type { TarEntry, TarSink } from "../lib/tar/entry.ts";
import { TarReader } from "../lib/tar/reader.ts";
import { tarEnd, tarHeader, tarPadding } from "../lib/tar/writer.ts";
import { Budget } from "../snapshots/unpack/budget.ts";
import type { Database } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";

export type LayerCompression = "uncompressed" | "gzip" | "zstd";

export interface LayerForm {
  readonly compression: LayerCompression;
  /** Null is the compression's own default. */
  readonly level: number | null;
  /** Files of later times get this one, in seconds since 1970; null leaves them. */
  readonly epoch: number | null;
}

/** A layer in a form, and the digest of its uncompressed archive. */
export interface FormedLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
}

export interface ConvertRequest {
  readonly contentRoot: string;
  /** What the ingest's name begins with. */
  readonly session: string;
  readonly source: Digest;
  readonly form: LayerForm;
}

type Chunks = AsyncIterable<Uint8Array>;

const chunkSize = 256 * 1024;

/** `convert-layer`: a stored layer, packed or not, becomes a sealed blob of the form. */
export async function convertLayerMain(args: string[]): Promise<void> {
  await answer<ConvertRequest, SealedBlob & FormedLayer>(args, async ({ contentRoot, session, source, form }) => {
    const content = new ContentStore(contentRoot);
    using ingest = content.ingest(session);
    const budget = Budget.at(contentRoot);
    const hasher = new Bun.CryptoHasher("sha256");
    const path = content.path(source);
    const take = async (bytes: Chunks): Promise<void> => {
      for await (const chunk of bytes) {
        budget.takeBytes(chunk.length);
        ingest.write(chunk);
      }
    };
    if (isPlainGzip(form) && isTar(path)) {
      await take(gzipFile(path));
      return { ...(await ingest.seal(null)), diffId: source };
    }
    const unpacked = decompress(createReadStream(path, { highWaterMark: chunkSize }));
    const tar = form.epoch === null ? unpacked : cutTimes(unpacked, form.epoch);
    await take(packed(hashed(tar, hasher), form));
    return { ...(await ingest.seal(null)), diffId: `sha256:${hasher.digest("hex")}` };
  });
}

async function* hashed(source: Chunks, hasher: Bun.CryptoHasher): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    hasher.update(bytes);
    yield bytes;
  }
}

/** As pushes pack layers, which is the fastest way to. */
const isPlainGzip = ({ compression, level, epoch }: LayerForm): boolean =>
  compression === "gzip" && level === null && epoch === null;

/** True for a file that nothing packs, whose digest is that of the archive. */
function isTar(path: string): boolean {
  const head = Buffer.alloc(16);
  const fd = openSync(path, "r");
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  return detectCompression(head) === "none";
}

function packed(tar: Chunks, { compression, level }: LayerForm): Chunks {
  if (compression === "uncompressed") return tar;
  const params = level === null ? {} : { [constants.ZSTD_c_compressionLevel]: level };
  const packer =
    compression === "gzip"
      ? createGzip({ chunkSize, ...(level === null ? {} : { level }) })
      : createZstdCompress({ chunkSize, params });
  return through(tar, packer);
}

async function* through(tar: Chunks, packer: Transform): AsyncGenerator<Uint8Array> {
  const feeding = (async () => {
    for await (const bytes of tar) {
      if (!packer.write(bytes)) await new Promise<void>((resolve) => packer.once("drain", resolve));
    }
    packer.end();
  })();
  feeding.catch((error: unknown) => packer.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* packer as AsyncIterable<Uint8Array>;
  await feeding;
}

/** The archive written anew, with no time later than `epoch`. What is earlier stays, so that files of a base do. */
export async function* cutTimes(source: Chunks, epoch: number): AsyncGenerator<Uint8Array> {
  const sink = new TimeCutter(epoch);
  const reader = new TarReader(sink);
  for await (const bytes of source) {
    reader.push(bytes);
    yield sink.take();
  }
  reader.finish();
  yield sink.take();
  yield tarEnd;
}

class TimeCutter implements TarSink {
  readonly #epoch: number;
  #written: Uint8Array[] = [];
  #size = 0;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }

  entry(entry: TarEntry): void {
    const { mtime } = entry;
    const isLate = mtime.sec > this.#epoch || (mtime.sec === this.#epoch && mtime.nsec > 0);
    this.#size = entry.type === "file" ? entry.size : 0;
    const time = isLate ? { sec: this.#epoch, nsec: 0 } : mtime;
    this.#written.push(tarHeader({ ...entry, mtime: time }, { nanoseconds: time.nsec !== 0 }));
  }

  data(bytes: Uint8Array): void {
    this.#written.push(Buffer.from(bytes));
  }

  hole(length: number): void {
    this.#written.push(Buffer.alloc(length));
  }

  end(): void {
    this.#written.push(tarPadding(this.#size));
  }
}

const digest = v.custom<Digest>(isDigest);
const FormRecord = v.object({ digest, diffId: digest, size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

/** Which blob a layer has become in which form, so that it is made once while that blob stays. */
export class LayerForms {
  readonly #db: Database;
  readonly #records: RecordStore<FormedLayer>;

  constructor(db: Database) {
    this.#db = db;
    this.#records = new RecordStore(db, {
      table: "layer_forms",
      version: 1,
      parse: (value) => v.parse(FormRecord, value),
    });
  }

  get(layer: Digest, form: LayerForm): FormedLayer | null {
    return this.#records.get(keyOf(layer, form)) ?? null;
  }

  put(layer: Digest, form: LayerForm, formed: FormedLayer): void {
    this.#db.transaction("normal", (tx) => this.#records.put(tx, keyOf(layer, form), formed));
  }

  /** Forgets forms whose blobs are not here any more. */
  keep(isHere: (blob: Digest) => boolean): void {
    const gone = [...this.#records.list().records].filter(([, { digest: at }]) => !isHere(at)).map(([key]) => key);
    if (gone.length > 0) this.#db.transaction("normal", (tx) => gone.map((key) => this.#records.delete(tx, key)));
  }
}

const keyOf = (layer: Digest, { compression, level, epoch }: LayerForm): string =>
  JSON.stringify([layer, compression, level, epoch]);
