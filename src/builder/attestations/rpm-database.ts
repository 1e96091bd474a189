/**
 * RPM's database of installed packages as a table of SQLite (Fedora, RHEL 9 and what comes of them): one row for each package, its
 * header as lib/header.c of rpm has it. The older forms, of Berkeley DB and of slots, are not read.
 */
import { Database } from "bun:sqlite";
import type { FoundPackage } from "./package-databases.ts";

export const rpmDatabases: readonly string[] = ["/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite"];

/** The packages of a database; what is no database, or broken, has none from there on. */
export function* readRpm(bytes: Buffer, path: string): Generator<FoundPackage> {
  try {
    for (const header of headersIn(bytes)) {
      const found = readHeader(Buffer.from(header), path);
      if (found !== null) yield found;
    }
  } catch {
    // The file is anybody's.
  }
}

function* headersIn(bytes: Buffer): Generator<Uint8Array> {
  // A file whose journal is written ahead cannot be opened in memory; what its journal still has is left out.
  if (bytes.length > 20) bytes.fill(1, 18, 20);
  using database = Database.deserialize(bytes, { readonly: true });
  database.run("PRAGMA trusted_schema = OFF");
  // Anything else of that name could be an endless query.
  const kind = database.query("SELECT type FROM sqlite_schema WHERE name = 'Packages'").get() as {
    type?: string;
  } | null;
  if (kind?.type !== "table") return;
  for (const row of database.query("SELECT blob FROM Packages ORDER BY hnum").iterate()) {
    const { blob } = row as { blob: unknown };
    if (blob instanceof Uint8Array) yield blob;
  }
}

const tags = { name: 1000, version: 1001, release: 1002, epoch: 1003, license: 1014, architecture: 1022 };
const kinds = { int32: 4, text: 6, texts: 8, translated: 9 };

/** Null for what has no name or version, or is no header. */
function readHeader(header: Buffer, path: string): FoundPackage | null {
  if (header.length < 8) return null;
  const count = header.readUInt32BE(0);
  const data = 8 + count * 16;
  if (data > header.length) return null;
  const found = new Map<number, string>();
  for (let at = 8; at < data; at += 16) {
    const [tag, kind, offset] = [header.readUInt32BE(at), header.readUInt32BE(at + 4), header.readUInt32BE(at + 8)];
    const start = data + offset;
    if (start >= header.length) continue;
    if (kind === kinds.text || kind === kinds.translated || kind === kinds.texts) {
      const end = header.indexOf(0, start);
      found.set(tag, header.toString("utf8", start, end < 0 ? header.length : end));
    } else if (kind === kinds.int32 && start + 4 <= header.length) found.set(tag, String(header.readUInt32BE(start)));
  }
  const text = (tag: number): string => found.get(tag) ?? "";
  const [name, version, release, epoch] = [text(tags.name), text(tags.version), text(tags.release), text(tags.epoch)];
  // Keys that packages are signed with stand among them.
  if (name === "" || version === "" || name === "gpg-pubkey") return null;
  return {
    system: "rpm",
    name,
    version: `${epoch === "" || epoch === "0" ? "" : `${epoch}:`}${version}${release === "" ? "" : `-${release}`}`,
    architecture: text(tags.architecture),
    license: text(tags.license),
    path,
  };
}
