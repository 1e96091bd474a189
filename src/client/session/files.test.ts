import { afterAll, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packetTypes } from "../../api/buildkit/files.ts";
import { listDigest } from "../../api/buildkit/list-digest.ts";
import { readDirectory } from "./directory-source.ts";
import { followPaths } from "./follow-paths.ts";
import { receiveFiles } from "./receive-files.ts";
import { type FileSource, memorySource, type PacketStream, sendFiles, type WirePacket } from "./send-files.ts";
import { everything, type WalkFilter, walk } from "./walk.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-files-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

/** Directories end with a slash, `->` is a link, `==` another name of a file; other files hold their own names. */
function tree(...names: string[]): string {
  const directory = join(root, String(count++));
  mkdirSync(directory);
  for (const name of names) {
    const [path = "", target] = name.split(/ (?:->|==) /);
    mkdirSync(join(directory, path, ".."), { recursive: true });
    if (name.includes(" -> ")) symlinkSync(target ?? "", join(directory, path));
    else if (name.includes(" == ")) linkSync(join(directory, target ?? ""), join(directory, path));
    else if (path.endsWith("/")) mkdirSync(join(directory, path), { recursive: true });
    else writeFileSync(join(directory, path), path);
  }
  return directory;
}

const paths = (directory: string, filter: Partial<WalkFilter> = {}): string[] =>
  [...walk(directory, { ...everything, ...filter })].map(({ path }) => path);

test("walk() tells a directory before what is in it, names in the order of their bytes", () => {
  const directory = tree("a/x", "a-b", "a.txt", "B", "\u{1f600}", "\uffee", "empty/");
  expect(paths(directory)).toEqual(["B", "a", "a/x", "a-b", "a.txt", "empty", "\uffee", "\u{1f600}"]);
});

test("walk() leaves out what is excluded, and directories that an exception is not in", () => {
  const directory = tree("a/b/c", "a/d", "e", "f/g");
  expect(paths(directory, { exclude: ["a", "!a/b/c", "f"] })).toEqual(["a", "a/b", "a/b/c", "e"]);
  expect(paths(directory, { exclude: ["**"] })).toEqual([]);
});

test("walk() sends what is included, with the directories above", () => {
  const directory = tree("a/b/c.go", "a/b/d", "a/e/f", "x.go");
  expect(paths(directory, { include: ["**/*.go"] })).toEqual(["a", "a/b", "a/b/c.go", "x.go"]);
  expect(paths(directory, { include: ["a/e"] })).toEqual(["a", "a/e", "a/e/f"]);
});

test("walk() follows paths through links, never out of the directory", () => {
  const directory = tree("real/file", "link -> real", "up -> ../../etc", "abs -> /real/file", "other");
  expect(paths(directory, { follow: ["link/file"] })).toEqual(["link", "real", "real/file"]);
  expect(paths(directory, { follow: ["abs"] })).toEqual(["abs", "real", "real/file"]);
  expect(paths(directory, { follow: ["up/passwd"] })).toEqual(["up"]);
  expect(paths(directory, { follow: ["o*"] })).toEqual(["other"]);
  expect(paths(directory, { follow: ["."] })).toEqual(paths(directory));
});

test("followPaths() does not go round in a circle of links", () => {
  const directory = tree("a -> b", "b -> a");
  expect(followPaths(directory, ["a"])).toEqual(["a", "b"]);
});

test("walk() tells modes in Go's bits, the second name of an inode as a link, and nobody's owner", () => {
  const directory = tree("a", "b == a", "l -> a", "d/");
  const [a, b, d, l] = [...walk(directory, everything)];
  expect(a).toMatchObject({ path: "a", mode: 0o644, uid: 0, gid: 0, size: 1, linkname: "" });
  expect(b).toMatchObject({ path: "b", size: 0, linkname: "a" });
  expect(d).toMatchObject({ mode: 0x8000_0000 + 0o755, size: 0 });
  expect(l).toMatchObject({ mode: 0x0800_0000 + 0o777, linkname: "a" });
});

/** Two ends of a stream of packets. */
function pipe(): [PacketStream, PacketStream] {
  const make = (): { queue: WirePacket[]; wake: () => void } => ({ queue: [], wake: () => {} });
  const boxes = [make(), make()] as const;
  const end = (own: (typeof boxes)[number], other: (typeof boxes)[number]): PacketStream => ({
    requests: (async function* () {
      for (;;) {
        const next = own.queue.shift();
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            own.wake = resolve;
          });
      }
    })(),
    async send({ type = 0, stat, id = 0, data = new Uint8Array() }) {
      other.queue.push({ type, stat: stat as WirePacket["stat"], id, data });
      other.wake();
    },
  });
  return [end(boxes[0], boxes[1]), end(boxes[1], boxes[0])];
}

async function copy(source: FileSource, target: string): Promise<{ told: number; read: number }> {
  const [here, there] = pipe();
  const [sent] = await Promise.all([sendFiles(source, here), receiveFiles(target, there)]);
  return sent;
}

test("sendFiles() and receiveFiles() make the same tree again", async () => {
  const from = tree("d/file", "d/second == d/file", "l -> d/file", "empty/", "big");
  writeFileSync(join(from, "big"), Buffer.alloc(700_000, 7));
  utimesSync(join(from, "d/file"), 1, 1_600_000_000.5);
  const to = tree("keep", "big/old");
  expect(await copy(readDirectory(from, everything), to)).toEqual({ told: 6, read: 2 });
  expect(paths(to)).toEqual(["big", "d", "d/file", "d/second", "empty", "keep", "l"]);
  expect(readFileSync(join(to, "big")).equals(Buffer.alloc(700_000, 7))).toBe(true);
  expect(readlinkSync(join(to, "l"))).toBe("d/file");
  expect(statSync(join(to, "d/file")).ino).toBe(statSync(join(to, "d/second")).ino);
  expect(statSync(join(to, "d/file")).mtimeMs).toBe(1_600_000_000_500);
});

test.each(["../x", "/x", "a/../x", "a//x", "l/x"])("receiveFiles() takes nothing to %s", async (path) => {
  const to = tree("l -> /etc");
  const source = memorySource({ [path]: Buffer.from("x") });
  await expect(copy(source, to)).rejects.toThrow(/invalid path|is no directory/);
  expect(paths(to)).toEqual(["l"]);
});

test("sendFiles() says by name which file changed or vanished meanwhile", async () => {
  for (const [spoil, message] of [
    [(path: string) => truncateSync(path, 1), "file changed while it was sent"],
    [(path: string) => rmSync(path), "file vanished while the files were sent"],
  ] as const) {
    const from = tree("file");
    const source = readDirectory(from, everything);
    const [here, there] = pipe();
    const told: WirePacket[] = [];
    const sending = sendFiles(source, here);
    sending.catch(() => undefined);
    for await (const packet of there.requests) {
      told.push(packet);
      if (packet.type === packetTypes.stat && packet.stat) {
        spoil(join(from, "file"));
        await there.send({ type: packetTypes.request, id: 0 });
        await there.send({ type: packetTypes.finished });
      }
      if (packet.type === packetTypes.error) break;
    }
    await expect(sending).rejects.toThrow(message);
    expect(Buffer.from(told.at(-1)?.data ?? []).toString()).toContain(message);
  }
});

test("sendFiles() does not tell a list that the receiver has, and tells another one whole", async () => {
  const from = tree("d/file", "other");
  const source = readDirectory(from, everything);
  const told = async (known: string): Promise<number[]> => {
    const [here, there] = pipe();
    const types: number[] = [];
    const sending = sendFiles(source, here, known);
    for await (const { type, stat } of there.requests) {
      types.push(type);
      if (type === packetTypes.unchanged || (type === packetTypes.stat && stat === undefined))
        await there.send({ type: packetTypes.finished });
      if (type === packetTypes.finished) break;
    }
    await sending;
    return types;
  };
  const known = listDigest(source.stats());
  const whole = [packetTypes.stat, packetTypes.stat, packetTypes.stat, packetTypes.stat, packetTypes.finished];
  expect(await told(known)).toEqual([packetTypes.unchanged, packetTypes.finished]);
  expect(await told("0".repeat(64))).toEqual(whole);
  writeFileSync(join(from, "other"), "longer than before");
  expect(await told(known)).toEqual(whole);
});
