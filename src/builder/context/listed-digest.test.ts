import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packet } from "../../api/buildkit/files.ts";
import { everything, walk } from "../../client/session/walk.ts";
import { setxattr } from "../../linux/xattr.ts";
import { filesDigest } from "../steps/files-helper.ts";
import { choose, type FileSource } from "../steps/selection.ts";
import { FileList, kindOfFile } from "./file-list.ts";
import type { KeptList } from "./kept-list.ts";
import { listedDigest } from "./listed-digest.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-listed-"));
afterAll(() => rmSync(root, { recursive: true }));

const make = (name: string, text: string, mode = 0o644): void => {
  mkdirSync(join(root, name, ".."), { recursive: true });
  writeFileSync(join(root, name), text);
  chmodSync(join(root, name), mode);
};
make("a/one.txt", "one");
make("a/two.txt", "two", 0o4755);
make("a/b/three.txt", "three\n".repeat(50_000));
make("a-b/name before a slash", "");
make("z.txt", "z", 0o600);
linkSync(join(root, "a/one.txt"), join(root, "a/b/linked"));
linkSync(join(root, "a/one.txt"), join(root, "a/b/linked too"));
symlinkSync("../z.txt", join(root, "a/link"));
symlinkSync("a", join(root, "directory-link"));
symlinkSync("nowhere", join(root, "a/b/dead"));
Bun.spawnSync(["mkfifo", join(root, "a/pipe")]);
Bun.spawnSync(["mknod", join(root, "a/device"), "c", "1", "3"]);
const attributed = openSync(join(root, "a/b/three.txt"), "r");
setxattr(attributed, "user.note", Buffer.from("said"));
closeSync(attributed);

/** As a builder has it after a client has told of it. */
function listed(): KeptList {
  const list = new FileList();
  for (const { xattrs, ...stat } of walk(root, everything)) {
    const told = { ...stat, ...(xattrs !== null && { xattrs: new Map(Object.entries(xattrs)) }) };
    list.add(Packet.decode(Packet.encode({ type: 0, stat: told })).stat!);
  }
  const contents = new Map<string, string>();
  for (const stat of list.files.values()) {
    if (kindOfFile(stat) !== "file") continue;
    const bytes = readFileSync(join(root, stat.path));
    contents.set(stat.path, new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  }
  return { files: list.files, contents };
}

const sources = (...paths: string[]): FileSource[] =>
  paths.map((path) => ({ root, path, only: null, isRequired: true, unpacks: false, keepsOwner: false }));

test.each([
  [["."]],
  [["a"]],
  [["a/b"]],
  [["a-b"]],
  [["z.txt"]],
  [["a/b/linked"]],
  [["a", "z.txt"]],
  [["*.txt"]],
  [["a/b*"]],
  [["a/t*", "a-?"]],
])("of %p the list tells the same as the files", async (paths) => {
  const asked = sources(...paths);
  const told = await listedDigest(listed(), choose(asked));
  expect(told).toBe(filesDigest({ sources: asked, exclude: [] }));
});

test("it is another when a byte, a mode, a name or a link is", async () => {
  const digest = async () => (await listedDigest(listed(), choose(sources("a"))))!;
  const seen = new Set([await digest()]);
  const changes = [
    () => make("a/two.txt", "tvo", 0o4755),
    () => chmodSync(join(root, "a/two.txt"), 0o755),
    () => make("a/four.txt", ""),
    () => {
      rmSync(join(root, "a/link"));
      symlinkSync("../a-b", join(root, "a/link"));
    },
    () => rmSync(join(root, "a/b/linked too")),
  ];
  for (const change of changes) {
    change();
    expect(seen.has(await digest())).toBe(false);
    seen.add(await digest());
  }
});

test("what lies behind a link is left to who looks at the files", async () => {
  for (const path of ["directory-link", "directory-link/one.txt", "a/link"]) {
    expect([path, await listedDigest(listed(), choose(sources(path)))]).toEqual([path, null]);
  }
  const parents = [{ root, path: "a", only: "b/three.txt", isRequired: true, unpacks: false, keepsOwner: false }];
  expect(await listedDigest(listed(), choose(parents))).toBeNull();
});
