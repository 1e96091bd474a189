import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VolumePlugin } from "../../test/harness/volume-plugin.ts";
import { createPlugins } from "../plugins/plugins.ts";
import { RemoteVolumes } from "./remote.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-plugins-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const said: string[] = [];
const remote = () =>
  new RemoteVolumes(
    createPlugins({ dirs: [join(dir, "run"), join(dir, "etc")], log: (text) => said.push(text) }),
    (text) => said.push(text),
  );
const plugin = () => new VolumePlugin(join(dir, "run/tp.sock"), join(dir, "data"));

test("a volume's life through a plugin: created with options, mounted for a user, told, removed", async () => {
  using p = plugin();
  const volumes = remote();
  await volumes.check("tp", "v");
  expect(volumes.scopeOf("tp")).toBe("global");
  await volumes.create("tp", "v1", { size: "1" });
  expect(await volumes.mount("tp", "v1", "c1")).toBe(p.pathOf("v1"));
  expect(await volumes.get("tp", "v1", { patient: false })).toEqual({
    name: "v1",
    mountpoint: p.pathOf("v1"),
    createdAt: null,
    status: { health: "good" },
  });
  expect((await volumes.list()).volumes.get("tp")?.map(({ name }) => name)).toEqual(["v1"]);
  expect(await volumes.find("v1")).toMatchObject({ driver: "tp" });
  await volumes.unmount("tp", "v1", "c1");
  await volumes.remove("tp", "v1");
  expect(await volumes.get("tp", "v1", { patient: false })).toBeNull();
  expect(p.callsOf("VolumeDriver.Create")).toEqual([{ Name: "v1", Opts: { size: "1" } }]);
  expect(p.callsOf("VolumeDriver.Unmount")).toEqual([{ Name: "v1", ID: "c1" }]);
  expect(p.callsOf("Plugin.Activate")).toHaveLength(1);
});

test.each([
  ["no JSON", () => new Response("not json"), "no JSON object"],
  ["another shape", () => Response.json([1]), "no JSON object"],
  ["an HTTP error", () => new Response("boom", { status: 500 }), "VolumeDriver.Mount: boom"],
  ["an HTTP error with Err", () => Response.json({ Err: "bad" }, { status: 500 }), "VolumeDriver.Mount: bad"],
  ["a redirect", () => Response.redirect("http://127.0.0.1:1/", 307), "VolumeDriver.Mount: "],
  ["Err", () => Response.json({ Err: "no disk" }), "no disk"],
  ["nothing", () => Response.json({}), "no mountpoint"],
  ["a relative path", () => Response.json({ Mountpoint: "rel/path" }), "no mountpoint"],
  ["the root", () => Response.json({ Mountpoint: "/" }), "no mountpoint"],
  ["a path upwards", () => Response.json({ Mountpoint: "/srv/../etc" }), "no mountpoint"],
  ["a NUL", () => Response.json({ Mountpoint: "/srv/a\0b" }), "no mountpoint"],
  ["no text", () => Response.json({ Mountpoint: { a: 1 } }), "no mountpoint"],
  ["a flood", () => new Response(new Blob(Array(80).fill("x".repeat(100_000)))), "longer than"],
] as const)("mount() refuses %s as a plugin's answer", async (_name, answer, words) => {
  using p = plugin();
  const volumes = remote();
  await volumes.create("tp", "v1", null);
  p.misbehaviour.set("VolumeDriver.Mount", answer);
  await expect(volumes.mount("tp", "v1", "c1")).rejects.toThrow(words);
});

test("a refusal in the words of a broken connection is still a plugin's answer", async () => {
  using p = plugin();
  p.misbehaviour.set("VolumeDriver.Get", () => Response.json({ Err: 'Post "http://x": EOF' }));
  expect(await remote().get("tp", "v1", { patient: false })).toBeNull();
});

test("a plugin that hangs is waited for once when all are asked, and not again for a while", async () => {
  using p = plugin();
  using _other = new VolumePlugin(join(dir, "run/good/good.sock"), join(dir, "good"));
  p.misbehaviour.set("VolumeDriver.List", () => new Promise(() => {}));
  const volumes = remote();
  await volumes.create("good", "v9", null);
  const from = performance.now();
  const first = await volumes.list();
  expect(first.volumes.get("good")).toHaveLength(1);
  expect(first.warnings).toEqual([expect.stringContaining("context deadline exceeded")]);
  expect(performance.now() - from).toBeLessThan(4000);
  const again = performance.now();
  expect((await volumes.list()).warnings).toEqual([]);
  expect(performance.now() - again).toBeLessThan(1000);
  expect(await volumes.find("nowhere")).toBeNull();
});

test("what is no plugin, does not implement volumes or is dead is told in dockerd's words", async () => {
  const volumes = remote();
  await expect(volumes.check("nodrv", "v")).rejects.toThrow('plugin "nodrv" not found');
  await expect(volumes.check("../tp", "v")).rejects.toThrow('plugin "../tp" not found');
  using p = plugin();
  p.misbehaviour.set("Plugin.Activate", () => Response.json({ Implements: ["authz"] }));
  await expect(volumes.check("tp", "v")).rejects.toThrow("Plugin does not implement the requested driver");
  p.misbehaviour.clear();
  await volumes.create("tp", "v1", null);
  p[Symbol.dispose]();
  await expect(volumes.get("tp", "v1", { patient: false })).rejects.toThrow(
    /^get v1: error while checking if volume "v1" exists in driver "tp": Post "http:\/\/plugin\.moby\.localhost\/VolumeDriver\.Get": dial unix .*tp\.sock: connect: /,
  );
  // One that comes back is found, and another handshake done.
  using back = plugin();
  await volumes.create("tp", "v1", null);
  expect(back.callsOf("Plugin.Activate")).toHaveLength(1);
});

test("plugins are found by .spec and .json, too; a description that says nothing usable is refused", async () => {
  mkdirSync(join(dir, "etc/deep"), { recursive: true });
  mkdirSync(join(dir, "other"), { recursive: true });
  using p = new VolumePlugin(join(dir, "other/hidden.sock"), join(dir, "hidden"));
  writeFileSync(join(dir, "etc/spec.spec"), `unix://${p.socket}\n`);
  writeFileSync(join(dir, "etc/deep/deep.json"), JSON.stringify({ Name: "deep", Addr: `unix://${p.socket}` }));
  writeFileSync(join(dir, "etc/odd.spec"), "carrier-pigeon");
  writeFileSync(join(dir, "etc/broken.json"), "{");
  const volumes = remote();
  await volumes.create("spec", "v1", null);
  expect((await volumes.get("deep", "v1", { patient: false }))?.name).toBe("v1");
  await expect(volumes.check("odd", "v")).rejects.toThrow("unknown protocol");
  await expect(volumes.check("broken", "v")).rejects.toThrow("is not JSON");
  expect(await volumes.drivers()).toEqual(["deep", "spec"]);
});
