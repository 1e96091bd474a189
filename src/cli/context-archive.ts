/** Contexts as archives: written as a tar like Docker's client writes it, read from a tar or a zip. */
import { blockSize } from "../lib/tar/entry.ts";
import { TarReader } from "../lib/tar/reader.ts";
import { tarEnd, tarHeader, tarPadding } from "../lib/tar/writer.ts";
import { ExitError } from "./command.ts";
import type { StoredContext } from "./context-endpoint.ts";
import type { ContextMeta, ContextTls } from "./context-store.ts";
import { isZip, readZip } from "./zip.ts";

/** No context needs more; an archive that holds more is refused. */
export const maxArchiveBytes = 10 << 20;

export function contextTar({ meta, tls }: StoredContext): Buffer {
  const member = (path: string, text: string, mode: number): Buffer[] => {
    const bytes = Buffer.from(text);
    const entry = { path: Buffer.from(path), type: "file" as const, mode, size: bytes.length };
    return [tarHeader(entry), bytes, tarPadding(bytes.length)];
  };
  const directory = (path: string): Buffer => tarHeader({ path: Buffer.from(path), type: "directory", mode: 0o700 });
  const files = (["ca", "cert", "key"] as const).flatMap((part) => {
    const text = tls[part];
    return text ? member(`tls/docker/${part}.pem`, text, 0o600) : [];
  });
  const below = files.length > 0 ? [directory("tls/docker"), ...files] : [];
  return Buffer.concat([...member("meta.json", JSON.stringify(meta), 0o644), directory("tls"), ...below, tarEnd]);
}

/** Reads an archive; throws in Docker's words on what is no context. */
export function readContextArchive(bytes: Uint8Array): Omit<StoredContext, "meta"> & { meta: ContextMeta } {
  const files = isZip(bytes) ? readZip(bytes, maxArchiveBytes) : tarFiles(bytes);
  const tls: ContextTls = {};
  let meta: Partial<ContextMeta> | undefined;
  for (const [path, content] of files) {
    if (path === "meta.json") meta = parseMeta(content);
    else if (!path.startsWith("tls/")) throw new ExitError(1, `${path}: unexpected context file`);
    else if (!/^tls\/[^/]+\/./.test(path)) throw new ExitError(1, "archive format is invalid");
    const part = /^tls\/docker\/(ca|cert|key)\.pem$/.exec(path)?.[1] as keyof ContextTls | undefined;
    if (part) tls[part] = content.toString();
  }
  if (!meta) throw new ExitError(1, "invalid context: no metadata found");
  return { meta: { Name: "", Metadata: meta.Metadata ?? {}, Endpoints: meta.Endpoints ?? {} }, tls };
}

function parseMeta(content: Buffer): Partial<ContextMeta> {
  try {
    const value: unknown = JSON.parse(content.toString());
    if (typeof value === "object" && value !== null) return value;
  } catch {}
  throw new ExitError(1, "invalid context: meta.json is not a JSON object");
}

/** The regular files of a tar; Docker's client leaves out its end and the padding of its last member. */
function tarFiles(bytes: Uint8Array): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let path: string | null = null;
  let pieces: Buffer[] = [];
  const reader = new TarReader({
    entry: (entry) => {
      path = entry.type === "file" ? entry.path.toString() : null;
      pieces = [];
    },
    data: (piece) => void (path !== null && pieces.push(Buffer.from(piece))),
    hole: () => {
      throw new ExitError(1, "archive format is invalid");
    },
    end: () => void (path !== null && files.set(path, Buffer.concat(pieces))),
  });
  reader.push(bytes);
  if (bytes.length > blockSize) reader.push(tarPadding(bytes.length));
  reader.finish();
  return files;
}
