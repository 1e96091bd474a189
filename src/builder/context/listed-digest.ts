/** The digest of files that a COPY takes, from what their client told of them: none is opened. */
import { fromGoMode, goMode } from "../../api/buildkit/files.ts";
import { isKeptAttribute } from "../../snapshots/kept-attributes.ts";
import { digestText, sourceText } from "../steps/file-digest.ts";
import type { Chosen } from "../steps/selection.ts";
import { type FileKind, type FileStat, kindOfFile } from "./file-list.ts";
import type { KeptList } from "./kept-list.ts";

/** After so many files others get their turn. */
const filesPerTurn = 2000;

const none = new Uint8Array();

/**
 * 64 hex digits, the same as the helper `digest-files` gives of the files themselves; null for what only the files can tell: links on
 * the way to what was chosen.
 */
export async function listedDigest(list: KeptList, chosen: readonly Chosen[]): Promise<string | null> {
  const hasher = new Bun.CryptoHasher("sha256");
  let count = 0;
  for (const { path, isDirectory, parents, source } of chosen) {
    if (source.only !== null || !isPlain(list, path, isDirectory)) return null;
    const name = path.slice(path.lastIndexOf("/") + 1);
    hasher.update(sourceText(parents, isDirectory ? null : name));
    const prefix = isDirectory ? (path === "" ? "" : `${path}/`) : path.slice(0, path.length - name.length);
    const links = new Map<string, string>();
    for (const stat of isDirectory ? below(list, prefix) : [list.files.get(path)!]) {
      const text = entryText(list, stat, stat.path.slice(prefix.length), links);
      if (text === null) return null;
      hasher.update(text);
      if (++count % filesPerTurn === 0) await new Promise(setImmediate);
    }
  }
  return hasher.digest("hex");
}

/** Nothing of the path is a link, and the end is what it is taken for. */
function isPlain({ files }: KeptList, path: string, isDirectory: boolean): boolean {
  if (path === "") return isDirectory;
  const kind = (at: string): FileKind | null => {
    const stat = files.get(at);
    return stat === undefined ? null : kindOfFile(stat);
  };
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
    if (kind(path.slice(0, end)) !== "directory") return false;
  }
  return kind(path) === (isDirectory ? "directory" : "file");
}

function* below({ files }: KeptList, prefix: string): Generator<FileStat> {
  for (const [path, stat] of files) if (path.startsWith(prefix)) yield stat;
}

/** As `digest-files` hashes it; `links` has, by the first name that a file has in the list, the one it was told by here. */
function entryText(list: KeptList, given: FileStat, name: string, links: Map<string, string>): string | null {
  const kind = kindOfFile(given);
  const first = kind === "hardLink" ? given.linkname : given.path;
  const stat = kind === "hardLink" ? list.files.get(first) : given;
  if (stat === undefined) return null;
  const told = links.get(first);
  if (told === undefined && (kind === "file" || kind === "hardLink")) links.set(first, name);
  const isDirectory = kind === "directory";
  const type = told !== undefined ? "hardlink" : tarType(kind, stat);
  const text = digestText({
    path: Buffer.from(isDirectory ? `${name}/` : name),
    type,
    linkPath: kind === "link" ? Buffer.from(stat.linkname) : told === undefined ? none : Buffer.from(told),
    mode: kind === "link" ? 0o777 : fromGoMode(stat.mode),
    uid: 0,
    gid: 0,
    size: stat.size,
    devMajor: kind === "device" ? stat.devmajor : 0,
    devMinor: kind === "device" ? stat.devminor : 0,
    xattrs: told === undefined && type === "file" ? keptAttributes(stat) : null,
  });
  if (type !== "file") return `${text}\n`;
  const content = list.contents.get(first);
  return content ? `${text}${content}\n` : null;
}

function tarType(kind: FileKind, { mode }: FileStat) {
  if (kind === "link") return "symlink";
  if (kind === "pipe") return "fifo";
  if (kind === "device") return (mode & goMode.characterDevice) !== 0 ? "char" : "block";
  return kind === "directory" ? "directory" : "file";
}

/** Those that go into a layer. */
function keptAttributes({ xattrs }: FileStat): Map<string, Uint8Array> | null {
  const kept = [...xattrs].filter(([name]) => isKeptAttribute(name, false));
  return kept.length === 0 ? null : new Map(kept);
}
