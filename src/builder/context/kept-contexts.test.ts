import { afterAll, beforeEach, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goMode } from "../../api/buildkit/files.ts";
import { FileList, type FileStat } from "./file-list.ts";
import { type FileSource, KeptContexts } from "./kept-contexts.ts";

const top = mkdtempSync(join(tmpdir(), "dhow-kept-"));
afterAll(() => rmSync(top, { recursive: true }));

let root: string;
let kept: KeptContexts;
beforeEach(() => {
  root = mkdtempSync(join(top, "k-"));
  kept = new KeptContexts(root, (path) => rmSync(path, { recursive: true }));
  kept.restore();
});

/** What a client has: a text is a file, null a directory, the rest in full. */
type Client = Readonly<Record<string, string | null | Partial<FileStat>>>;

const stat = (path: string, what: Client[string]): FileStat => ({
  ...{ path, uid: 0, gid: 0, modTime: 981_173_106_000_000_005n, linkname: "", devmajor: 0, devminor: 0 },
  xattrs: new Map(),
  mode: what === null ? (goMode.directory | 0o755) >>> 0 : 0o644,
  size: typeof what === "string" ? what.length : 0,
  ...(typeof what === "string" || what === null ? {} : what),
});

/** A sender of the client's files; `asked` has the paths whose content was wanted. */
function senderOf(client: Client, { failsAfter = Infinity } = {}): FileSource & { readonly asked: string[] } {
  const list = new FileList();
  for (const [path, what] of Object.entries(client)) list.add(stat(path, what));
  const paths = [...list.files.keys()];
  const asked: string[] = [];
  return {
    files: list.files,
    asked,
    async fetch(numbers, take) {
      for (const number of numbers) {
        const path = paths[number]!;
        asked.push(path);
        if (asked.length > failsAfter) throw new Error("the client has gone");
        const text = client[path];
        // Piece by piece, as it comes.
        for (const character of typeof text === "string" ? text : "linked") take(number, Buffer.from(character));
        await Bun.sleep(1);
        take(number, new Uint8Array());
      }
    },
  };
}

/** A tree as its files' texts, links as `-> target` and directories as null. */
function treeAt(path: string): Record<string, string | null> {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).map((entry) => {
    const whole = join(entry.parentPath, entry.name);
    const text = entry.isDirectory()
      ? null
      : entry.isSymbolicLink()
        ? `-> ${readlinkSync(whole)}`
        : readFileSync(whole, "utf8");
    return [whole.slice(path.length + 1), text] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

test("KeptContexts writes what a client has, and asks again only for what has changed", async () => {
  const before = { a: "one", d: null, "d/b": "two", "d/c": "three" };
  const first = senderOf(before);
  await using tree = await kept.receive("k", first);
  expect(first.asked).toEqual(["a", "d/b", "d/c"]);
  expect(treeAt(tree.root)).toEqual(before);
  await tree[Symbol.asyncDispose]();
  const inode = lstatSync(join(tree.root, "a")).ino;
  const same = senderOf(before);
  await (await kept.receive("k", same))[Symbol.asyncDispose]();
  expect(same.asked).toEqual([]);
  const after = { a: "one", d: null, "d/b": "second" };
  const changed = senderOf(after);
  await using again = await kept.receive("k", changed);
  expect([changed.asked, again.root]).toEqual([["d/b"], tree.root]);
  expect(treeAt(again.root)).toEqual(after);
  expect(lstatSync(join(again.root, "a")).ino).toBe(inode);
});

test("KeptContexts gives files their mode, owner, time in nanoseconds and kind", async () => {
  const link = { mode: (goMode.symlink | 0o777) >>> 0, linkname: "../x" };
  const pipe = { mode: (goMode.namedPipe | 0o622) >>> 0 };
  await using tree = await kept.receive(
    "k",
    senderOf({
      d: { mode: (goMode.directory | goMode.sticky | 0o777) >>> 0 },
      f: { mode: (goMode.setuid | 0o711) >>> 0, uid: 7, gid: 8, size: 6 },
      h: { linkname: "f" },
      l: link,
      p: pipe,
    }),
  );
  const at = (name: string) => lstatSync(join(tree.root, name), { bigint: true });
  expect([at("d"), at("f"), at("p")].map(({ mode }) => (mode & 0o7777n).toString(8))).toEqual(["1777", "4711", "622"]);
  expect([at("f").uid, at("f").gid, at("f").mtimeNs, at("d").mtimeNs]).toEqual([
    7n,
    8n,
    981_173_106_000_000_005n,
    981_173_106_000_000_005n,
  ]);
  expect(at("h").ino).toBe(at("f").ino);
  expect([readlinkSync(join(tree.root, "l")), at("p").isFIFO()]).toEqual(["../x", true]);
});

test("KeptContexts changes kinds of files, and makes the hard links of a replaced file anew", async () => {
  await (await kept.receive("k", senderOf({ a: null, "a/in": "x", b: "file", c: "first", d: { linkname: "c" } })))[
    Symbol.asyncDispose
  ]();
  const next = senderOf({ a: "now a file", b: null, "b/in": "y", c: "another", d: { linkname: "c" } });
  await using tree = await kept.receive("k", next);
  expect(treeAt(tree.root)).toEqual({ a: "now a file", b: null, "b/in": "y", c: "another", d: "another" });
  expect(lstatSync(join(tree.root, "d")).ino).toBe(lstatSync(join(tree.root, "c")).ino);
});

test("two builds at once share one tree where their files are the same; the second asks for nothing", async () => {
  const files = { a: "one", b: "two" };
  const [first, second] = [senderOf(files), senderOf(files)];
  const [one, two] = await Promise.all([kept.receive("k", first), kept.receive("k", second)]);
  expect([one.root === two.root, first.asked, second.asked]).toEqual([true, ["a", "b"], []]);
  await one[Symbol.asyncDispose]();
  expect((await kept.list()).map(({ inUse }) => inUse)).toEqual([true]);
  await two[Symbol.asyncDispose]();
  expect((await kept.list()).map(({ inUse }) => inUse)).toEqual([false]);
});

test("a tree that one build holds is not changed for another, which gets its own and shares the files that are the same", async () => {
  const mine = { a: "same", b: "mine", d: null, "d/x": "in" };
  const theirs = { a: "same", b: "theirs!", d: null, "d/x": "in", e: "more" };
  const held = await kept.receive("k", senderOf(mine));
  const sender = senderOf(theirs);
  const apart = await kept.receive("k", sender);
  expect(sender.asked).toEqual(["b", "e"]);
  expect([treeAt(held.root), treeAt(apart.root)]).toEqual([mine, theirs]);
  expect(lstatSync(join(apart.root, "a")).ino).toBe(lstatSync(join(held.root, "a")).ino);
  await apart[Symbol.asyncDispose]();
  expect([treeAt(held.root), readdirSync(root).length]).toEqual([mine, 1]);
  await held[Symbol.asyncDispose]();
  await using later = await kept.receive("k", senderOf(theirs));
  expect(treeAt(later.root)).toEqual(theirs);
});

test("a sender that fails midway leaves nothing, and the next one begins anew", async () => {
  await (await kept.receive("k", senderOf({ a: "1", b: "2" })))[Symbol.asyncDispose]();
  const files = { a: "first", b: "second", c: "third" };
  const failing = kept.receive("k", senderOf(files, { failsAfter: 1 }));
  await expect(failing).rejects.toThrow("the client has gone");
  expect([await kept.list(), readdirSync(root)]).toEqual([[], []]);
  const next = senderOf(files);
  await using tree = await kept.receive("k", next);
  expect([next.asked, treeAt(tree.root)]).toEqual([["a", "b", "c"], files]);
});

test("a sender that fails beside a held tree leaves that and nothing else", async () => {
  const held = await kept.receive("k", senderOf({ a: "1" }));
  await expect(kept.receive("k", senderOf({ a: "22", b: "3" }, { failsAfter: 1 }))).rejects.toThrow();
  expect([readdirSync(root).length, treeAt(held.root)]).toEqual([1, { a: "1" }]);
  await held[Symbol.asyncDispose]();
});

test("restore() throws away what a crash left half made, and keeps what is whole", async () => {
  await (await kept.receive("whole", senderOf({ a: "1" })))[Symbol.asyncDispose]();
  mkdirSync(join(root, "half", "files"), { recursive: true });
  await kept.receive("whole", senderOf({ a: "1" }));
  await kept.receive("whole", senderOf({ a: "22" }));
  expect(readdirSync(root).length).toBe(3);
  const next = new KeptContexts(root, (path) => rmSync(path, { recursive: true }));
  next.restore();
  const listed = await next.list();
  expect(listed.map(({ size, inUse }) => [size, inUse])).toEqual([[1, false]]);
  expect(readdirSync(root).length).toBe(1);
  const sender = senderOf({ a: "1" });
  await next.receive("whole", sender);
  expect(sender.asked).toEqual([]);
});

test("remove() takes one away that nobody uses, and nothing by another name", async () => {
  const tree = await kept.receive("k", senderOf({ a: "12345" }));
  const [{ id, size } = { id: "", size: 0 }] = await kept.list();
  expect([size, kept.remove(id), kept.remove("../x")]).toEqual([5, false, false]);
  await tree[Symbol.asyncDispose]();
  expect([kept.remove(id), kept.remove(id), readdirSync(root)]).toEqual([true, false, []]);
});
