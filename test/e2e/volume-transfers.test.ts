/** `volume rename`, `clone`, `snapshot`, `export` and `import`, which Docker does not have; its client sees what they leave. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dieAt } from "../harness/crash.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-vt-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon({ failPoints: "" });
const d = (...args: string[]) => daemon().dhow(...args);
const out = async (...args: string[]) => (await d(...args)).stdout.trim();
const complaint = async (...args: string[]) => (await d(...args)).stderr.trim();
const inside = (volume: string, script: string) =>
  out("run", "--rm", "-v", `${volume}:/d`, "busybox", "sh", "-c", script);
const fill = (volume: string) =>
  inside(
    volume,
    `cd /d && mkdir -p a/b && echo one > a/b/f && ln a/b/f hard && ln -s /etc/hostname soft && mkfifo pipe && chown 12:34 a && chmod 4711 a/b/f && chmod 1770 . && chown 5:6 .`,
  );
const look = (volume: string) =>
  inside(volume, `cd /d && stat -c '%n %A %u:%g %h %F' . a a/b/f hard soft pipe && cat a/b/f && readlink soft`);

test("clone and snapshot keep everything and go their own ways; docker sees both", async () => {
  await d("volume", "create", "--label", "team=x", "orig");
  await fill("orig");
  expect(await out("volume", "clone", "orig", "copy")).toBe("copy");
  expect(await look("copy")).toBe(await look("orig"));
  expect(await out("volume", "snapshot", "orig", "snap")).toBe("snap");
  const auto = await out("volume", "snapshot", "orig");
  expect(auto).toMatch(/^orig-\d{8}t\d{6}z$/);
  await inside("orig", "echo two > /d/a/b/f");
  expect(await inside("snap", "cat /d/a/b/f")).toBe("one");
  const labels = await daemon().docker("volume", "inspect", "-f", "{{json .Labels}}", "copy", "snap");
  expect(
    labels.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([{ team: "x" }, { team: "x", "dhow.snapshot.of": "orig" }]);
  expect(await out("volume", "ls", "-q", "--filter", "label=dhow.snapshot.of=orig")).toBe(`${auto}\nsnap`);
  expect(await complaint("volume", "clone", "orig", "copy")).toContain("clone orig: volume copy already exists");
  expect(await complaint("volume", "clone", "absent", "x1")).toContain("get absent: no such volume");
  expect(await complaint("volume", "clone", "orig", "../x")).toContain("invalid characters for a local volume name");
  // One that is written to is copied, too.
  await d("run", "-d", "--name", "writer", "-v", "orig:/d", "busybox", "sh", "-c", "while :; do date > /d/now; done");
  expect(await out("volume", "clone", "orig", "live")).toBe("live");
  await d("rm", "-f", "writer");
  await d("volume", "rm", "orig", "copy", "snap", "live", auto);
});

test("rename moves data and labels, not what is used, taken, or in the way", async () => {
  await d("volume", "create", "--label", "team=x", "old");
  await inside("old", "echo here > /d/f");
  await d("volume", "create", "taken");
  expect(await complaint("volume", "rename", "old", "taken")).toContain("rename old: volume taken already exists");
  await d("create", "--name", "user", "-v", "old:/d", "busybox", "true");
  expect(await complaint("volume", "rename", "old", "new")).toContain("rename old: volume is in use - [");
  await d("rm", "user");
  expect(await out("volume", "rename", "old", "new")).toBe("new");
  expect(await inside("new", "cat /d/f")).toBe("here");
  expect((await daemon().docker("volume", "inspect", "-f", "{{.Labels.team}}", "new")).stdout.trim()).toBe("x");
  expect(await complaint("volume", "rename", "old", "x1")).toContain("get old: no such volume");
  const anonymous = await out("volume", "create");
  await d("volume", "rename", anonymous, "kept");
  await d("volume", "prune", "-f");
  expect(await out("volume", "ls", "-q")).toBe("kept\nnew\ntaken");
  await d("volume", "rm", "kept", "new", "taken");
});

test("export and import give the same volume; a cut or hostile archive makes none", async () => {
  await fill("src");
  const tar = join(dir, "src.tar");
  expect((await d("volume", "export", "-o", tar, "src")).code).toBe(0);
  expect(await out("volume", "import", "--label", "a=b", "dst", tar)).toBe("dst");
  expect(await look("dst")).toBe(await look("src"));
  expect(await out("volume", "inspect", "-f", "{{.Labels.a}}", "dst")).toBe("b");
  expect(await complaint("volume", "import", "dst", tar)).toContain("import dst: volume dst already exists");
  const bytes = await Bun.file(tar).bytes();
  writeFileSync(join(dir, "cut.tar"), bytes.subarray(0, 1300));
  expect((await d("volume", "import", "cut", join(dir, "cut.tar"))).code).toBe(1);
  await Bun.spawn([
    "sh",
    "-c",
    `cd ${dir} && mkdir -p w && echo x > w/f && tar -P --transform 's,^w,../../../evil,' -cf evil.tar w`,
  ]).exited;
  await d("volume", "import", "evil", join(dir, "evil.tar"));
  expect(existsSync(join(daemon().dataRoot, "evil"))).toBe(false);
  await d("volume", "rm", "-f", "evil");
  expect(await out("volume", "ls", "-q")).toBe("dst\nsrc");
  expect(readdirSync(join(daemon().dataRoot, "volumes")).sort()).toEqual(["dst", "src"]);
  await d("volume", "rm", "dst", "src");
});

test("hardening 48: an export beside somebody who exchanges a file for a link holds nothing of the host", async () => {
  await d("volume", "create", "race");
  const script = "cd /d; while :; do rm -f f; ln -s /etc/shadow f; rm -f f; echo own > f; done";
  await d("run", "-d", "--name", "racer", "-v", "race:/d", "busybox", "sh", "-c", script);
  for (let round = 0; round < 20; round++) {
    const { stdout } = await d("volume", "export", "race");
    expect(stdout).not.toContain("root:");
  }
  await d("rm", "-f", "racer");
  await d("volume", "rm", "race");
});

test("a volume with options is mounted for its copy and unmounted after it", async () => {
  await d("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "ram");
  expect(await out("volume", "clone", "ram", "disk")).toBe("disk");
  expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain(`${daemon().dataRoot}/volumes/ram`);
  expect(await out("volume", "inspect", "-f", "{{json .Options}}", "disk")).toBe("null");
  await d("volume", "rm", "ram", "disk");
});

test.each([
  ["volumes.fill.begun", ["volume", "clone", "data", "more"], "data"],
  ["volumes.fill.made", ["volume", "clone", "data", "more"], "data"],
  ["volumes.fill.filled", ["volume", "snapshot", "data", "more"], "data"],
  ["volumes.fill.recorded", ["volume", "clone", "data", "more"], "data\nmore"],
  ["volumes.fill.filled", ["volume", "import", "more", "TAR"], "data"],
  ["volumes.rename.begun", ["volume", "rename", "data", "more"], "data"],
  ["volumes.rename.moved", ["volume", "rename", "data", "more"], "data"],
  ["volumes.rename.recorded", ["volume", "rename", "data", "more"], "more"],
])("a daemon killed at %s of %p leaves the one or the other", async (point, args, left) => {
  await d("volume", "create", "data");
  await inside("data", "echo kept > /d/f");
  const tar = join(dir, "data.tar");
  await d("volume", "export", "-o", tar, "data");
  await dieAt(
    daemon(),
    point,
    args.map((word) => (word === "TAR" ? tar : word)),
  );
  expect(await out("volume", "ls", "-q")).toBe(left);
  expect(readdirSync(join(daemon().dataRoot, "volumes")).sort()).toEqual(left.split("\n"));
  for (const name of left.split("\n")) expect(await inside(name, "cat /d/f")).toBe("kept");
  await d("volume", "rm", ...left.split("\n"));
});
