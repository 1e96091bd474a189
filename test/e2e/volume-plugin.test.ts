/** Volumes of plugins, the words of dockerd 28.5 with the same plugin measured beside it. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clients } from "../harness/daemon.ts";
import { VolumePlugin } from "../harness/volume-plugin.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-vp-"));
let plugin = new VolumePlugin(join(dir, "plugins/tp.sock"), join(dir, "data"));
afterAll(() => {
  plugin[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});
const daemon = withDaemon({ failPoints: "", flags: [`--plugin-dir=${join(dir, "plugins")}`] });
beforeEach(() => {
  plugin.misbehaviour.clear();
  plugin.calls.splice(0);
});
/** Each volume mounted for a container was unmounted for it, once. */
function expectBalance(): void {
  const ids = (method: string) => plugin.callsOf(method).map(({ Name, ID }) => `${Name} ${ID}`);
  expect(ids("VolumeDriver.Unmount").sort()).toEqual(ids("VolumeDriver.Mount").sort());
}

describe.each([...clients])("volume plugins through %s", (client) => {
  const d = (...args: string[]) => daemon().run(client, ...args);
  const out = async (...args: string[]) => (await d(...args)).stdout.trim();
  const complaint = async (...args: string[]) => (await d(...args)).stderr.trim();

  test("create, inspect, ls, info, use, remove", async () => {
    expect(await out("volume", "create", "-d", "tp", "-o", "a=b", "--label", "l=1", "v1")).toBe("v1");
    expect(JSON.parse(await out("volume", "inspect", "v1"))).toEqual([
      {
        CreatedAt: "0001-01-01T00:00:00Z",
        Driver: "tp",
        Labels: { l: "1" },
        Mountpoint: plugin.pathOf("v1"),
        Name: "v1",
        Options: { a: "b" },
        Scope: "global",
        Status: { health: "good" },
      },
    ]);
    expect(await out("volume", "ls", "--format", "{{.Driver}} {{.Name}}")).toBe("tp v1");
    expect(JSON.parse(await out("info", "-f", "{{json .Plugins.Volume}}"))).toEqual(["local", "tp"]);
    expect(await out("run", "--rm", "-v", "v1:/d", "busybox", "sh", "-c", "echo hi > /d/f; cat /d/f")).toBe("hi");
    expect(readFileSync(join(plugin.pathOf("v1"), "f"), "utf8")).toBe("hi\n");
    // The image's content goes into an empty one, which the plugin is asked to make.
    expect((await d("run", "--rm", "--volume-driver", "tp", "-v", "v3:/bin", "busybox", "true")).code).toBe(0);
    expect(readFileSync(join(plugin.pathOf("v3"), "busybox")).length).toBeGreaterThan(1000);
    expectBalance();
    expect(await complaint("volume", "create", "v1")).toContain(
      "create v1: driver 'tp' already has volume 'v1': volume name must be unique",
    );
    await d("create", "--name", "holder", "-v", "v1:/d", "busybox", "true");
    expect(await complaint("volume", "rm", "v1")).toContain("remove v1: volume is in use - [");
    await d("rm", "holder");
    plugin.misbehaviour.set("VolumeDriver.Remove", () => Response.json({ Err: "busy" }));
    expect(await complaint("volume", "rm", "v1")).toContain("remove v1: busy");
    plugin.misbehaviour.clear();
    expect(await out("volume", "rm", "v1", "v3")).toBe("v1\nv3");
    expect(await complaint("volume", "inspect", "v1")).toContain("get v1: no such volume");
  });

  test("a volume that only the plugin knows is listed, found and used by its name", async () => {
    await fetch("http://p/VolumeDriver.Create", { unix: plugin.socket, method: "POST", body: '{"Name":"theirs"}' });
    expect(await out("volume", "ls", "-q")).toBe("theirs");
    expect(await out("volume", "inspect", "-f", "{{.Driver}}", "theirs")).toBe("tp");
    expect(await out("run", "--rm", "-v", "theirs:/d", "busybox", "sh", "-c", "touch /d/x; ls /d")).toBe("x");
    expect(await out("volume", "rm", "theirs")).toBe("theirs");
    expectBalance();
  });

  test("refusals of the plugin and of what it answers", async () => {
    expect(await complaint("volume", "create", "-d", "nodrv", "x1")).toContain(
      'create x1: error looking up volume plugin nodrv: plugin "nodrv" not found',
    );
    expect(await complaint("volume", "create", "-d", "tp", "-o", "fail=oops", "x1")).toContain(
      "create x1: cannot create: oops",
    );
    expect(await out("volume", "ls", "-q")).toBe("");
    await d("volume", "create", "-d", "tp", "v1");
    const refuse = (answer: () => Response) => {
      plugin.misbehaviour.set("VolumeDriver.Mount", answer);
      return complaint("run", "--rm", "-v", "v1:/d", "busybox", "true");
    };
    expect(await refuse(() => Response.json({ Err: "no disk" }))).toContain("error while mounting volume '': no disk");
    expect(await refuse(() => new Response("boom", { status: 500 }))).toContain(
      "error while mounting volume '': VolumeDriver.Mount: boom",
    );
    expect(await refuse(() => Response.json({ Mountpoint: "/a/../../etc" }))).toContain("no mountpoint");
    expect(await refuse(() => Response.json({ Mountpoint: "/does/not/exist" }))).toContain("does not exist");
    await d("volume", "rm", "v1");
  });

  test("a dead plugin stands in the way of its own volumes only, and those can be given up", async () => {
    await d("volume", "create", "-d", "tp", "v1");
    plugin[Symbol.dispose]();
    try {
      const from = performance.now();
      expect(await out("volume", "create", "fine")).toBe("fine");
      expect(await out("volume", "ls", "-q")).toBe("fine\nv1");
      expect((await d("run", "--rm", "-v", "fine:/d", "-v", "new:/e", "busybox", "true")).code).toBe(0);
      expect(await complaint("volume", "inspect", "v1")).toMatch(
        /get v1: error while checking if volume "v1" exists in driver "tp": Post "http:\/\/plugin.moby.localhost\/VolumeDriver.Get": dial unix .*: connect: no such file or directory/,
      );
      expect((await d("volume", "rm", "v1")).code).toBe(1);
      expect(await out("volume", "rm", "-f", "v1", "fine", "new")).toBe("v1\nfine\nnew");
      expect(performance.now() - from).toBeLessThan(8000);
    } finally {
      plugin = new VolumePlugin(join(dir, "plugins/tp.sock"), join(dir, "data"));
    }
  });

  test("a plugin that hangs blocks no other volume", async () => {
    const hung = Promise.withResolvers<void>();
    for (const method of ["VolumeDriver.Get", "VolumeDriver.List", "VolumeDriver.Create"]) {
      plugin.misbehaviour.set(method, () => hung.promise.then(() => Response.json({ Err: "gave up" })));
    }
    const stuck = d("volume", "create", "-d", "tp", "stuck");
    const from = performance.now();
    expect(await out("volume", "create", "fine")).toBe("fine");
    expect((await d("run", "--rm", "-v", "fine:/d", "-v", "new:/e", "busybox", "true")).code).toBe(0);
    expect(await out("volume", "ls", "-q")).toBe("fine\nnew");
    await d("volume", "rm", "fine", "new");
    expect(performance.now() - from).toBeLessThan(10_000);
    plugin.misbehaviour.delete("VolumeDriver.Get");
    hung.resolve();
    expect((await stuck).stderr).toContain("create stuck: gave up");
  });

  test("what a plugin exchanges after its answer is not what is mounted", async () => {
    await d("volume", "create", "-d", "tp", "v1");
    mkdirSync(join(dir, "real"), { recursive: true });
    writeFileSync(join(dir, "real/mine"), "");
    const place = join(dir, "moving");
    symlinkSync(join(dir, "real"), place);
    plugin.misbehaviour.set("VolumeDriver.Mount", () => Response.json({ Mountpoint: place }));
    expect((await d("run", "-d", "--name", "mover", "-v", "v1:/d:nocopy", "busybox", "sleep", "600")).stderr).toBe("");
    rmSync(place);
    symlinkSync("/etc", place);
    expect(await out("exec", "mover", "ls", "/d")).toBe("mine");
    await d("rm", "-f", "mover");
    rmSync(place);
    await d("volume", "rm", "v1");
    expectBalance();
  });
});

test.each([
  ["volumes.create.remote", ["volume", "create", "-d", "tp", "k1"]],
  ["volumes.mount.remote", ["run", "--rm", "-v", "k1:/d:nocopy", "busybox", "true"]],
  ["volumes.remove.remote", ["volume", "rm", "k1"]],
])("a daemon killed at %s leaves old or new, and no mount with the plugin", async (point, args) => {
  if (point !== "volumes.create.remote") await daemon().dhow("volume", "create", "-d", "tp", "k1");
  daemon().arm(`${point}=kill`);
  await daemon().dhow(...args);
  await daemon().died();
  daemon().arm("");
  await daemon().start();
  if (point === "volumes.mount.remote") expectBalance();
  const { stdout } = await daemon().dhow("volume", "ls", "-q");
  // The plugin's own list shows what was made and not recorded; what was removed and is still recorded goes at the next try.
  expect(stdout.trim()).toBe("k1");
  const left = (await daemon().dhow("ps", "-aq")).stdout.trim();
  if (left !== "") await daemon().dhow("rm", "-f", left);
  await daemon().dhow("volume", "rm", "-f", "k1");
  expect((await daemon().dhow("volume", "ls", "-q")).stdout.trim()).toBe("");
});
