/**
 * Decompression by magic bytes. gzip and zstd are built in; xz and bzip2, which Bun lacks, run as the host's own
 * programs at fixed paths with an empty environment, so that nothing found inside a root or a PATH is ever started.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type DhowError, invalidArgument, messageOf, unavailable } from "./errors.ts";
import { ZstdFrames } from "./zstd-frames.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

/** How many first bytes {@link detectCompression} looks at. */
export const magicLength = 6;

/** What `head`, the first bytes of a stream, is packed with. */
export function detectCompression(head: Uint8Array): Compression {
  const is = (...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (is(0x1f, 0x8b, 0x08)) return "gzip";
  if (is(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // A zstd stream may begin with a skippable frame: 0x184D2A50 to 0x184D2A5F.
  if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return "zstd";
  if (is(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (is(0x42, 0x5a, 0x68)) return "bzip2";
  return "none";
}

const programs: Record<"xz" | "bzip2", { file: string; args: string[] }> = {
  xz: { file: "xz", args: ["-dc", "--no-warn", "--memlimit-decompress=512MiB"] },
  bzip2: { file: "bzip2", args: ["-dc"] },
};
const programFolders = ["/usr/bin", "/bin", "/usr/local/bin"];

type Chunks = AsyncIterable<Uint8Array>;

/**
 * The unpacked bytes of `source`, whatever it is packed with. Throws `invalidArgument` for a stream that is cut, damaged
 * or followed by garbage; `unavailable` where the program for it is not installed.
 */
export async function* decompress(source: Chunks, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(source, magicLength);
  const compression = detectCompression(head);
  if (compression === "none") yield* rest;
  else if (compression === "gzip" || compression === "zstd") yield* builtIn(compression, rest);
  else yield* external(compression, rest, signal);
}

/** The first `length` bytes (fewer when there are no more) and the whole stream again. */
export async function peek(source: Chunks, length: number): Promise<{ head: Buffer; rest: Chunks }> {
  const iterator = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let total = 0;
  while (total < length) {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    total += next.value.length;
  }
  async function* again(): AsyncGenerator<Uint8Array> {
    try {
      yield* seen.splice(0);
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(seen).subarray(0, length), rest: again() };
}

async function* builtIn(compression: "gzip" | "zstd", rest: Chunks): AsyncGenerator<Uint8Array> {
  const chunkSize = 256 * 1024;
  const unpack = compression === "gzip" ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize });
  const frames = compression === "zstd" ? new ZstdFrames() : null;
  let given = 0;
  let failure: unknown = null;
  const source = Readable.from(
    (async function* () {
      try {
        for await (const chunk of rest) {
          given += chunk.length;
          frames?.push(chunk);
          yield chunk;
        }
      } catch (error) {
        failure = error;
        throw error;
      }
    })(),
    { objectMode: false },
  );
  source.on("error", (error) => unpack.destroy(error));
  source.pipe(unpack);
  try {
    yield* unpack as AsyncIterable<Buffer>;
  } catch (error) {
    throw failure ?? unpackError(compression, error);
  } finally {
    source.destroy();
    unpack.destroy();
  }
  if (frames && !frames.complete) throw invalidArgument("unexpected EOF");
  if (unpack.bytesWritten < given) throw invalidArgument(`${compression}: invalid header`);
}

function unpackError(compression: Compression, error: unknown): DhowError {
  const message = messageOf(error);
  if (/unexpected end|Z_BUF_ERROR/i.test(message)) return invalidArgument("unexpected EOF", { cause: error });
  return invalidArgument(`${compression}: ${message}`, { cause: error });
}

async function* external(name: "xz" | "bzip2", rest: Chunks, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { file, args } = programs[name];
  const path = programFolders.map((folder) => `${folder}/${file}`).find((candidate) => existsSync(candidate));
  if (!path) throw unavailable(`cannot unpack ${name}: the program ${file} is not installed on this host`);
  const child = spawn(path, args, { cwd: "/", env: {}, stdio: ["pipe", "pipe", "pipe"], signal });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (complaint.length < 1000) complaint += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code));
  });
  let failure: unknown = null;
  const source = Readable.from(rest, { objectMode: false });
  source.on("error", (error) => {
    failure = error;
    child.kill("SIGKILL");
  });
  child.stdin.on("error", () => source.destroy()); // the program ended early; its exit code tells why
  source.pipe(child.stdin);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const code = await ended;
    if (failure) throw failure;
    // bzip2 warns of what follows its stream, and calls it a success.
    if (complaint.includes("trailing garbage")) throw invalidArgument(`${name}: trailing garbage`);
    if (code !== 0) throw invalidArgument(`${name}: ${complaint.trim().split("\n")[0] || `exit code ${code}`}`);
  } finally {
    source.destroy();
    if (child.exitCode === null) child.kill("SIGKILL");
    await ended.catch(() => {});
  }
}
