/** `idmap` of binds and volumes: whose files show up as whose, through `-v`, `--mount` and the API. */
import { afterAll, expect, test } from "bun:test";
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-im-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const d = (...args: string[]) => daemon().dhow(...args);
const out = async (...args: string[]) => (await d(...args)).stdout.trim();
const complaint = async (...args: string[]) => (await d(...args)).stderr.trim();

/** A directory with one file, both of that owner. */
function ownedBy(uid: number, gid: number): string {
  const path = mkdtempSync(join(dir, "s"));
  writeFileSync(join(path, "f"), "x");
  for (const each of [path, join(path, "f")]) chownSync(each, uid, gid);
  return path;
}
const owner = (path: string) => `${statSync(path).uid}:${statSync(path).gid}`;
const look = "stat -c %u:%g /d/f; echo new > /d/made";

test("plain idmap: the owner's files are the container's user's, and what it makes is the owner's", async () => {
  const source = ownedBy(1000, 1001);
  expect(await out("run", "--rm", "-v", `${source}:/d:idmap`, "busybox", "sh", "-c", look)).toBe("0:0");
  expect(owner(join(source, "made"))).toBe("1000:1001");
  rmSync(join(source, "made"));
  const mount = `type=bind,src=${source},dst=/d,idmap`;
  expect(await out("run", "--rm", "-u", "33:44", "--mount", mount, "busybox", "sh", "-c", look)).toBe("33:44");
  expect(owner(join(source, "made"))).toBe("1000:1001");
  // Other ids stay what they are, so that a chown in there works.
  await d("run", "--rm", "-v", `${source}:/d:rw,idmap`, "busybox", "chown", "55:66", "/d/made");
  expect(owner(join(source, "made"))).toBe("55:66");
  // A name is looked up in the container's own files, and the stock client passes the option on.
  await d("run", "--name", "maker", "busybox", "sh", "-c", "echo someone:x:77:78::/:/bin/sh >>/etc/passwd");
  await d("commit", "maker", "named:1");
  const named = ["-u", "someone", "-v", `${source}:/d:ro,idmap`, "named:1", "stat", "-c", "%u:%g", "/d/f"];
  expect((await daemon().docker("run", "--rm", ...named)).stdout.trim()).toBe("77:78");
  await d("rm", "maker");
  await d("rmi", "named:1");
});

test("idmap with ranges; ids outside of them are nobody's and cannot own", async () => {
  const source = ownedBy(1000, 1001);
  const map = "idmap=uids=1000-0-1#2000-1-10;gids=1001-7-1";
  const script = "stat -c %u:%g /d/f; touch /d/made 2>/dev/null || echo refused; chown 5:7 /d/f && stat -c %u /d/f";
  // Root's group 0 has no range: the kernel lets it make nothing.
  expect(await out("run", "--rm", "-v", `${source}:/d:${map}`, "busybox", "sh", "-c", script)).toBe("0:7\nrefused\n5");
  expect(owner(join(source, "f"))).toBe("2004:1001");
  chownSync(join(source, "f"), 3000, 3000);
  const mount = `type=bind,src=${source},dst=/d,${map}`;
  expect(await out("run", "--rm", "--mount", mount, "busybox", "stat", "-c", "%u:%g", "/d/f")).toBe("65534:65534");
});

test("a volume, a subpath of it, a single file", async () => {
  await d("volume", "create", "vol");
  await d("run", "--rm", "-v", "vol:/d", "busybox", "sh", "-c", "mkdir /d/sub; : > /d/sub/f; chown -R 70:71 /d");
  expect(await out("run", "--rm", "-v", "vol:/d:idmap", "busybox", "stat", "-c", "%u:%g", "/d/sub/f")).toBe("0:0");
  const part = "type=volume,src=vol,dst=/d,volume-subpath=sub,idmap=uids=70-5-1;gids=71-6-1";
  expect(await out("run", "--rm", "--mount", part, "busybox", "stat", "-c", "%u:%g", "/d/f")).toBe("5:6");
  const file = join(ownedBy(90, 91), "f");
  expect(await out("run", "--rm", "-v", `${file}:/d/f:idmap`, "busybox", "stat", "-c", "%u:%g", "/d/f")).toBe("0:0");
  await d("volume", "rm", "vol");
});

test("inspect shows it; it is the same after a restart of the container and of the engine", async () => {
  const source = ownedBy(1000, 1001);
  const mount = ["--mount", `type=bind,src=${source},dst=/m,idmap=uids=1000-3-1;gids=1001-4-1`];
  await d("run", "-d", "--name", "cc", "-v", `${source}:/d:idmap`, ...mount, "busybox", "sleep", "600");
  const modes = await out("inspect", "-f", "{{range .Mounts}}{{.Destination}} {{.Mode}}\n{{end}}", "cc");
  expect(modes.split("\n").sort()).toEqual(["/d idmap", "/m idmap=uids=1000-3-1;gids=1001-4-1"]);
  expect(await out("inspect", "-f", "{{(index .HostConfig.Mounts 0).IDMap}}", "cc")).toBe(
    "uids=1000-3-1;gids=1001-4-1",
  );
  const seen = () => out("exec", "cc", "stat", "-c", "%u:%g", "/d/f", "/m/f");
  expect(await seen()).toBe("0:0\n3:4");
  await daemon().restart();
  expect(await seen()).toBe("0:0\n3:4");
  await d("restart", "-t", "0", "cc");
  expect(await seen()).toBe("0:0\n3:4");
  expect(await out("run", "--rm", "--volumes-from", "cc", "busybox", "stat", "-c", "%u", "/d/f")).toBe("0");
  await d("rm", "-f", "cc");
});

test("what cannot be is refused, and nothing stays mounted", async () => {
  const source = ownedBy(1000, 1001);
  const run = (...args: string[]) => complaint("run", "--rm", ...args, "busybox", "true");
  expect(await run("-v", `${source}:/d:idmap=uids=1-2`)).toContain('invalid idmap "uids=1-2": "1-2" is not SOURCE');
  expect(await run("-v", `${source}:/d:idmap,idmap`)).toContain("invalid mode: idmap,idmap");
  expect(await run("--mount", `type=bind,src=${source},dst=/d,idmap=x`)).toContain('invalid idmap "x"');
  expect(await run("--mount", "type=tmpfs,dst=/d,idmap")).toContain("field IDMap must not be specified");
  expect(await run("--mount", "type=image,src=busybox,dst=/d,idmap")).toContain("field IDMap must not be specified");
  // sysfs keeps no owners; neither does a tree with a procfs in it.
  expect(await run("-v", "/sys/kernel:/d:idmap=uids=0-1-1")).toContain('cannot idmap "/sys/kernel": its file system');
  expect(await run("-v", "/:/d:idmap=uids=0-1-1")).toContain(`cannot idmap "/": the engine's own directory is in it`);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(source);
  expect(await out("ps", "-aq")).toBe("");
});

test("an image mount's container is known again after a restart of the engine", async () => {
  await d("run", "-d", "--name", "im", "--mount", "type=image,src=busybox,dst=/i", "busybox", "sleep", "600");
  await daemon().restart();
  expect(await out("exec", "im", "ls", "/i/bin/sh")).toBe("/i/bin/sh");
  await d("restart", "-t", "0", "im");
  expect(await out("exec", "im", "ls", "/i/bin/sh")).toBe("/i/bin/sh");
  await d("rm", "-f", "im");
});
