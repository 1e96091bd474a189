import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listDigest } from "../../api/buildkit/list-digest.ts";
import { everything, walk } from "../../client/session/walk.ts";
import { filesDigest } from "../steps/files-helper.ts";
import type { FileSource as CopySource } from "../steps/selection.ts";
import type { FileStat } from "./file-list.ts";
import { type FileSource, KeptContexts } from "./kept-contexts.ts";
import { readKeptList, writeKeptList } from "./kept-list.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-known-"));
afterAll(() => rmSync(root, { recursive: true }));
const client = join(root, "client");
const kept = new KeptContexts(join(root, "kept"), (path) => rmSync(path, { recursive: true, force: true }));
mkdirSync(join(root, "kept"));

/** The client's directory as it is now; `fetched` is told what was asked for. */
function source(fetched: string[] = []): FileSource {
  const files = new Map<string, FileStat>();
  for (const { xattrs: _, ...stat } of walk(client, everything)) files.set(stat.path, { ...stat, xattrs: new Map() });
  const paths = [...files.keys()];
  return {
    files,
    async fetch(numbers, take) {
      for (const number of numbers) {
        fetched.push(paths[number]!);
        take(number, readFileSync(join(client, paths[number]!)));
        take(number, new Uint8Array());
      }
    },
  };
}
const change = (name: string, text: string): void => {
  mkdirSync(join(client, name, ".."), { recursive: true });
  writeFileSync(join(client, name), text);
};
const sources = (path: string, files: { readonly root: string }): CopySource[] => [
  { root: files.root, path, only: null, isRequired: true, unpacks: false, keepsOwner: false },
];

test("what is kept is known by the client's own digest of its list, and only while it is that", async () => {
  change("a/one", "1");
  change("two", "2");
  expect(kept.knownList("key")).toBeNull();
  await using _files = await kept.receive("key", source());
  const known = listDigest(walk(client, everything));
  expect(kept.knownList("key")).toBe(known);
  await using held = await kept.holdKnown("key", known);
  expect(held && readFileSync(join(held.root, "a/one"), "utf8")).toBe("1");
  expect(await kept.holdKnown("key", "0".repeat(64))).toBeNull();
});

test("a build that was promised the old list gets nothing once another has brought a new one", async () => {
  const known = kept.knownList("key")!;
  change("a/one", "another");
  const fetched: string[] = [];
  const receiving = kept.receive("key", source(fetched));
  const holding = kept.holdKnown("key", known);
  await using _files = await receiving;
  expect(fetched).toEqual(["a/one"]);
  expect(await holding).toBeNull();
});

test("digests of unread files are those of the files, after changes too", async () => {
  for (const text of ["one", "two", "three"]) {
    change("a/one", text);
    await using files = await kept.receive("key", source());
    for (const path of [".", "a", "two"]) {
      const asked = { sources: sources(path, files), exclude: [] };
      const told = await kept.digest(asked);
      expect(told).toBe(filesDigest(asked));
      expect(await kept.digest(asked)).toBe(told);
    }
    expect(existsSync(join(files.root, "..", "digests-2"))).toBe(true);
  }
});

test("digests of what nobody holds, or of a directory that is not kept, are not told", async () => {
  const held = await kept.receive("key", source());
  await held[Symbol.asyncDispose]();
  expect(await kept.digest({ sources: sources(".", held), exclude: [] })).toBeNull();
  expect(await kept.digest({ sources: sources(".", { root: client }), exclude: [] })).toBeNull();
});

test("a list of another version is no list", async () => {
  const held = await kept.receive("key", source());
  await held[Symbol.asyncDispose]();
  writeFileSync(join(held.root, "..", "list"), "something else");
  expect(kept.knownList("key")).toBeNull();
  const fetched: string[] = [];
  await using _files = await kept.receive("key", source(fetched));
  expect(fetched.sort()).toEqual(["a/one", "two"]);
});

test("a list is read again however many files it has", () => {
  const stat = { mode: 0o644, uid: 0, gid: 0, size: 0, modTime: 0n, linkname: "", devmajor: 0, devminor: 0 };
  const paths = Array.from({ length: 140_000 }, (_, i) => `f${i}`);
  const files = new Map(paths.map((path) => [path, { ...stat, path, xattrs: new Map<string, Uint8Array>() }]));
  const contents = new Map(paths.map((path) => [path, "ab".repeat(32)]));
  const path = join(root, "many");
  writeKeptList(path, { files, contents });
  expect(readKeptList(path)?.contents.size).toBe(140_000);
}, 60_000);

test("attributes of directories take nothing of what is in them away, and those of no layer are passed over", async () => {
  const labelled = (fetched: string[] = []): FileSource => {
    const { files, fetch } = source(fetched);
    const label = new Map([
      ["user.note", Buffer.from("n")],
      ["security.selinux", Buffer.from("l")],
      ["system.posix_acl_access", Buffer.from("a")],
    ]);
    return { files: new Map([...files].map(([path, stat]) => [path, { ...stat, xattrs: label }])), fetch };
  };
  await (await kept.receive("labelled", labelled()))[Symbol.asyncDispose]();
  change("two", "changed");
  const fetched: string[] = [];
  await using held = await kept.receive("labelled", labelled(fetched));
  expect(fetched).toEqual(["two"]);
  expect(readFileSync(join(held.root, "a/one"), "utf8")).toBe("three");
});
