/**
 * A streaming tar reader. Bytes are pushed in; entries and their data come out synchronously through a sink, without
 * copies and with memory bounded by one extension record, so that one reader serves pull, load, import, cp and scan.
 *
 * Where archives are ambiguous this reader takes them as Go's archive/tar does, because that is what has read them so
 * far: links, devices, directories and FIFOs have no data whatever their size says; one extension record applies to
 * the next member only; the archive ends at two zero blocks or at the end of the stream.
 */
import { invalidArgument } from "../errors.ts";
import { blockSize, type TarEntry, type TarSink } from "./entry.ts";
import { entryOf } from "./extended-entry.ts";
import { invalidHeader, isZeroBlock, parseHeader, type RawHeader } from "./header.ts";
import { type PaxRecords, parsePax, paxNumber } from "./pax.ts";
import {
  checkSegments,
  maxSparseSegments,
  oldSegments,
  oldSize,
  pair,
  paxSegments,
  type SparseSegment,
} from "./sparse.ts";

/** Longest extension record (pax header, GNU long name) that is read into memory. */
export const maxRecordSize = 1024 * 1024;

type Step = "header" | "record" | "oldSparse" | "newSparse" | "data" | "padding" | "ended";

/** One archive being read. After an error it must not be used further. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.allocUnsafeSlow(blockSize);
  #filled = 0;
  #step: Step = "header";
  #remaining = 0;
  #padding = 0;
  #record: Buffer = Buffer.alloc(0);
  #recordType = "";
  #pax: PaxRecords = [];
  #longName: Buffer | null = null;
  #longLink: Buffer | null = null;
  #zeroBlocks = 0;
  #raw: RawHeader | null = null;
  #segments: SparseSegment[] | null = null;
  #segment = 0;
  #position = 0;
  #sparseSize = 0;
  #sparseText = "";
  #sparseLines = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes of the archive; throws `invalidArgument` on a malformed one and whatever the sink throws. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#step) {
        case "ended":
          return;
        case "data":
          at += this.#takeData(chunk, at);
          break;
        case "padding":
        case "record":
          at += this.#takeBytes(chunk, at);
          break;
        default:
          at += this.#takeBlock(chunk, at);
      }
    }
  }

  /** Tells that no byte follows; throws when the archive stops in the middle of a member. */
  finish(): void {
    const between = this.#step === "header" && this.#filled === 0 && !this.#hasExtension();
    // As Go's reader: Docker's own client leaves the last file's padding out (`build -f` of a file elsewhere).
    const afterFile = this.#step === "padding" && !this.#hasExtension();
    if (this.#step !== "ended" && !between && !afterFile) throw invalidArgument("unexpected EOF");
    this.#step = "ended";
  }

  #hasExtension(): boolean {
    return this.#pax.length > 0 || this.#longName !== null || this.#longLink !== null;
  }

  /** Fills one block from the chunk; handles it when it is complete. */
  #takeBlock(chunk: Uint8Array, at: number): number {
    const take = Math.min(blockSize - this.#filled, chunk.length - at);
    this.#block.set(chunk.subarray(at, at + take), this.#filled);
    this.#filled += take;
    if (this.#filled < blockSize) return take;
    this.#filled = 0;
    if (this.#step === "header") this.#header();
    else if (this.#step === "oldSparse") this.#oldSparseBlock();
    else this.#newSparseBlock();
    return take;
  }

  #takeBytes(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#remaining, chunk.length - at);
    if (this.#step === "record") {
      this.#record.set(chunk.subarray(at, at + take), this.#record.length - this.#remaining);
    }
    this.#remaining -= take;
    if (this.#remaining > 0) return take;
    if (this.#step === "record") this.#recordDone();
    else this.#step = "header";
    return take;
  }

  #takeData(chunk: Uint8Array, at: number): number {
    let take = Math.min(this.#remaining, chunk.length - at);
    const segment = this.#segments?.[this.#segment];
    if (segment) take = Math.min(take, segment.offset + segment.length - this.#position);
    this.#sink.data(at === 0 && take === chunk.length ? chunk : chunk.subarray(at, at + take));
    this.#remaining -= take;
    this.#position += take;
    this.#nextSegment();
    if (this.#remaining === 0) this.#dataDone();
    return take;
  }

  /** Steps over finished segments and tells the hole before the next one. */
  #nextSegment(): void {
    while (this.#segments) {
      const segment = this.#segments[this.#segment];
      if (!segment) return;
      if (segment.offset > this.#position) {
        this.#sink.hole(segment.offset - this.#position);
        this.#position = segment.offset;
      }
      if (this.#position < segment.offset + segment.length) return;
      this.#segment++;
    }
  }

  #dataDone(): void {
    if (this.#segments && this.#position < this.#sparseSize) this.#sink.hole(this.#sparseSize - this.#position);
    this.#segments = null;
    this.#sink.end();
    this.#pad();
  }

  #pad(): void {
    this.#remaining = this.#padding;
    this.#step = this.#padding === 0 ? "header" : "padding";
  }

  #header(): void {
    if (isZeroBlock(this.#block)) {
      if (++this.#zeroBlocks === 2) this.#step = "ended";
      return;
    }
    if (this.#zeroBlocks > 0) throw invalidHeader("a lone zero block");
    const raw = parseHeader(this.#block);
    if (raw.size < 0) throw invalidHeader("negative size");
    if ("xgLK".includes(raw.typeflag)) {
      this.#beginRecord(raw);
      return;
    }
    this.#raw = raw;
    this.#segments = null;
    if (raw.typeflag === "S") this.#beginOldSparse();
    else if (this.#isNewSparse()) {
      this.#sparseText = "";
      this.#sparseLines = 0;
      this.#segments = [];
      this.#step = "newSparse";
      this.#remaining = this.#physicalSize();
    } else this.#member(0);
  }

  #beginRecord(raw: RawHeader): void {
    if (raw.size > maxRecordSize) throw invalidHeader("extension record too long");
    this.#recordType = raw.typeflag;
    this.#padding = padding(raw.size);
    this.#remaining = raw.size;
    this.#record = Buffer.allocUnsafeSlow(raw.size);
    this.#step = "record";
    if (raw.size === 0) this.#recordDone();
  }

  #recordDone(): void {
    const data = this.#record;
    this.#record = Buffer.alloc(0);
    if (this.#recordType === "x") this.#pax = parsePax(data);
    else if (this.#recordType === "g")
      parsePax(data); // global records are checked, and have no say over members
    else {
      const end = data.indexOf(0);
      const name = end === -1 ? data : data.subarray(0, end);
      if (this.#recordType === "L") this.#longName = name;
      else this.#longLink = name;
    }
    this.#pad();
  }

  #value(key: string): Buffer | null {
    let found: Buffer | null = null;
    for (const record of this.#pax) if (record.key === key) found = record.value.length > 0 ? record.value : null;
    return found;
  }

  #physicalSize(): number {
    const size = this.#value("size");
    return size ? paxNumber(size) : (this.#raw?.size ?? 0);
  }

  #isNewSparse(): boolean {
    return this.#pax.length > 0 && this.#value("GNU.sparse.major")?.toString() === "1";
  }

  #beginOldSparse(): void {
    this.#segments = [];
    this.#sparseSize = oldSize(this.#block);
    oldSegments(this.#block, 386, 4, this.#segments);
    if (this.#block[482] === 1) this.#step = "oldSparse";
    else this.#member(0);
  }

  #oldSparseBlock(): void {
    oldSegments(this.#block, 0, 21, this.#segments ?? []);
    if (this.#block[504] !== 1) this.#member(0);
  }

  /** A version 1.0 map: decimal lines at the start of the data, padded to a block. */
  #newSparseBlock(): void {
    this.#sparseText += this.#block.toString("latin1");
    this.#remaining -= blockSize;
    if (this.#remaining < 0 || this.#sparseText.length > maxSparseSegments * 24) throw invalidHeader("sparse map");
    for (const byte of this.#block) if (byte === 0x0a) this.#sparseLines++;
    if (this.#sparseLines === 0) return;
    const count = paxNumber(Buffer.from(this.#sparseText.slice(0, this.#sparseText.indexOf("\n"))));
    if (count > maxSparseSegments) throw invalidHeader("sparse map too long");
    if (this.#sparseLines < count * 2 + 1) return;
    const lines = this.#sparseText.split("\n", count * 2 + 2);
    this.#segments = pair(lines.slice(1, count * 2 + 1).map((line) => paxNumber(Buffer.from(line))));
    const mapBytes = this.#sparseText.length;
    this.#sparseText = "";
    this.#member(mapBytes);
  }

  /** Builds the entry from header and records, and tells it. `mapBytes` of the data have been read already. */
  #member(mapBytes: number): void {
    const raw = this.#raw;
    if (!raw) throw invalidHeader("no header");
    const entry = this.#entryOf(raw);
    const hasData = entry.type === "file";
    const total = hasData ? this.#physicalSize() : 0;
    const physical = total - mapBytes;
    if (physical < 0) throw invalidHeader("sparse map");
    this.#sparse(entry, physical);
    this.#pax = [];
    this.#longName = null;
    this.#longLink = null;
    this.#padding = padding(total);
    this.#remaining = physical;
    this.#position = 0;
    this.#segment = 0;
    this.#sink.entry(entry);
    this.#step = "data";
    this.#nextSegment();
    if (physical === 0) this.#dataDone();
  }

  #sparse(entry: TarEntry, physical: number): void {
    if (entry.type !== "file") {
      this.#segments = null;
      return;
    }
    const records = this.#pax;
    this.#segments ??= records.length > 0 ? paxSegments(records) : null;
    if (this.#segments === null) {
      entry.size = physical;
      return;
    }
    if (this.#raw?.typeflag !== "S") {
      const size = this.#value("GNU.sparse.realsize") ?? this.#value("GNU.sparse.size");
      if (!size) throw invalidHeader("sparse size");
      this.#sparseSize = paxNumber(size);
    }
    checkSegments(this.#segments, this.#sparseSize, physical);
    entry.size = this.#sparseSize;
  }

  #entryOf(raw: RawHeader): TarEntry {
    const entry = entryOf(raw, this.#pax);
    if (this.#longName) entry.path = this.#longName;
    if (this.#longLink) entry.linkPath = this.#longLink;
    if (raw.typeflag === "\0" && entry.path.at(-1) === 0x2f) entry.type = "directory";
    return entry;
  }
}

const padding = (size: number): number => (blockSize - (size % blockSize)) % blockSize;
