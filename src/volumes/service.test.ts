import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { notFound } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { MS_BIND, mount, unmount } from "../linux/mount.ts";
import { createPlugins } from "../plugins/plugins.ts";
import { Database } from "../state/database.ts";
import type { MountConfig } from "./mounts.ts";
import { createVolumes } from "./service.ts";
import type { Volumes } from "./volumes.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-volumes-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const op = background();
const root = async () => ({ uid: 0, gid: 0 });
const nothing: MountConfig = {
  binds: [],
  mounts: [],
  tmpfs: {},
  volumes: [],
  volumesFrom: [],
  volumeDriver: "",
  imageId: (ref) => {
    if (ref !== "tools:1") throw notFound(`No such image: ${ref}`);
    return "sha256:1234";
  },
  mountsOf: () => [],
};

let dir = "";
let db: Database;
let volumes: Volumes;
let copies: string[] = [];
let diskFull = false;
let count = 0;
let events: unknown[] = [];
const open = (): Volumes =>
  createVolumes({
    db,
    root: join(dir, "volumes"),
    discard: (path) => rmSync(path, { recursive: true, force: true }),
    execRoot: join(dir, "exec"),
    copyUp: async (_rootfs, path, target) => {
      copies.push(path);
      if (diskFull) {
        writeFileSync(join(target, "half"), "");
        throw new Error("no space left on device");
      }
      writeFileSync(join(target, "from-image"), path);
    },
    plugins: createPlugins({ dirs: [join(dir, "plugins")], log: () => {} }),
    log: () => {},
    pack: async () => Readable.from([]),
    unpack: async () => {},
    viewImage: async (imageId, target) => writeFileSync(join(target, "id"), imageId),
    recursiveReadOnly: true,
    emit: (action, name, attributes) => events.push([action, name, attributes]),
  });
beforeEach(() => {
  dir = join(base, String(count++));
  mkdirSync(dir);
  copies = [];
  events = [];
  diskFull = false;
  db = Database.open(":memory:");
  volumes = open();
});

test("create() makes a volume once and answers the same one afterwards", async () => {
  const first = await volumes.create({ Name: "data", Labels: { a: "b" } }, op);
  expect(first.Mountpoint).toBe(join(dir, "volumes/data/_data"));
  expect(existsSync(first.Mountpoint)).toBe(true);
  expect(await volumes.create({ Name: "data" }, op)).toEqual(first);
  expect(await open().inspect("data", op)).toEqual(first);
  expect((await volumes.create({}, op)).Name).toMatch(/^[0-9a-f]{64}$/);
});

test.each([["../x"], ["a/b"], ["a".repeat(300)], ["."], [".."], ["x"], ["-x"], ["a\nb"], ["a\0b"]])(
  "create() refuses the name %p and makes nothing",
  async (name) => {
    await expect(volumes.create({ Name: name }, op)).rejects.toThrow(/^create /);
    expect(existsSync(join(dir, "volumes"))).toBe(false);
  },
);

test("create() refuses other drivers and options in Docker's words", async () => {
  await expect(volumes.create({ Name: "vol", Driver: "nodrv" }, op)).rejects.toThrow(
    'create vol: error looking up volume plugin nodrv: plugin "nodrv" not found',
  );
  await expect(volumes.create({ Name: "vol", DriverOpts: { zz: "1" } }, op)).rejects.toThrow('invalid option: "zz"');
  await expect(volumes.create({ Name: "vol", DriverOpts: { type: "tmpfs" } }, op)).rejects.toThrow('"device"');
});

test("remove() refuses what is used, and says so of what is absent", async () => {
  const claim = await volumes.resolve("c".repeat(64), { ...nothing, binds: ["data:/d"] }, op);
  db.transaction("full", (tx) => claim.commit(tx));
  await expect(volumes.remove("data", { force: false }, op)).rejects.toThrow(
    `remove data: volume is in use - [${"c".repeat(64)}]`,
  );
  await volumes.release("c".repeat(64), claim.mounts, { removeAnonymous: true }, op);
  await volumes.remove("data", { force: false }, op);
  expect(readdirSync(join(dir, "volumes"))).toEqual([]);
  await expect(volumes.remove("data", { force: false }, op)).rejects.toThrow("get data: no such volume");
  await volumes.remove("data", { force: true }, op);
});

test("resolve() makes volumes that its rollback takes away, but for those of others", async () => {
  await volumes.create({ Name: "mine" }, op);
  const claim = await volumes.resolve("one", { ...nothing, binds: ["mine:/a", "new:/b"], volumes: ["/c"] }, op);
  expect(readdirSync(join(dir, "volumes")).length).toBe(3);
  await claim.rollback();
  expect(readdirSync(join(dir, "volumes"))).toEqual(["mine"]);
  expect((await volumes.list(new Map([["dangling", ["true"]]]), op)).Volumes.map((v) => v.Name)).toEqual(["mine"]);
});

test("resolve() refuses a duplicate destination and leaves no volume behind", async () => {
  const config = { ...nothing, binds: ["one:/x"], mounts: [{ Type: "volume", Source: "two", Target: "/x/" }] };
  await expect(volumes.resolve("one", config, op)).rejects.toThrow("Duplicate mount point: /x");
  expect(existsSync(join(dir, "volumes"))).toBe(false);
});

test.each([
  [{ binds: ["/a:/"] }, "destination can't be '/'"],
  [{ binds: ["/a:b"] }, "for type \"bind\": invalid mount path: 'b' mount path must be absolute"],
  [{ binds: ["aa:b"] }, "for type \"volume\": invalid mount path: 'b' mount path must be absolute"],
  [{ binds: ["a/b:/x"] }, "includes invalid characters for a local volume name"],
  [{ binds: ["/a:/x:zz"] }, "invalid mode: zz"],
  [{ binds: ["/a:/x:ro,rw"] }, "invalid mode"],
  [{ binds: ["v:/x:shared"] }, "field BindOptions must not be specified"],
  [{ binds: ["/a:/proc"] }, "inside /proc"],
  [{ binds: ["/a:/x/../proc/sys"] }, "inside /proc"],
  [{ volumes: ["/proc"] }, "inside /proc"],
  [{ volumes: ["/"] }, "destination can't be '/'"],
  [{ mounts: [{ Type: "bind", Source: "/nope/nope", Target: "/x" }] }, "bind source path does not exist: /nope/nope"],
  [{ mounts: [{ Type: "bind", Source: "rel", Target: "/x" }] }, "mount path must be absolute"],
  [
    { mounts: [{ Type: "volume", Source: "v", Target: "/x", VolumeOptions: { Subpath: "../y" } }] },
    "subpath must be a relative path",
  ],
  [{ mounts: [{ Type: "tmpfs", Source: "v", Target: "/x" }] }, "field Source must not be specified"],
  [{ mounts: [{ Type: "zz", Target: "/x" }] }, "mount type unknown"],
  [{ tmpfs: { "/x": "zz" } }, 'invalid tmpfs option "zz"'],
])("resolve() refuses %j", async (config, message) => {
  await expect(volumes.resolve("one", { ...nothing, ...config }, op)).rejects.toThrow(message);
});

test("mount() gives bind mounts with modes, and makes a missing -v source only", async () => {
  const made = join(dir, "made");
  const config = { ...nothing, binds: [`${made}:/m:ro`, "data:/d"], tmpfs: { "/t": "size=1m" } };
  const claim = await volumes.resolve("one", config, op);
  db.transaction("full", (tx) => claim.commit(tx));
  expect(await volumes.mount("one", claim.mounts, root, op)).toEqual([
    {
      destination: "/m",
      type: "bind",
      source: join(dir, "exec/pins/one/0"),
      options: ["rbind", "ro", "rro", "rprivate"],
    },
    { destination: "/d", type: "bind", source: join(dir, "volumes/data/_data"), options: ["rbind", "rw", "rprivate"] },
    {
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["noexec", "nosuid", "nodev", "size=1m", "rprivate"],
    },
  ]);
  expect(existsSync(made)).toBe(true);
  await volumes.unmount("one", claim.mounts);
  expect(existsSync(join(dir, "exec/pins/one"))).toBe(false);
});

test("mount() holds a bind source as it was looked up, links followed once", async () => {
  for (const name of ["real", "other"]) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, "which"), name);
  }
  symlinkSync(join(dir, "real"), join(dir, "link"));
  const claim = await volumes.resolve("one", { ...nothing, binds: [`${dir}/link/.:/m`] }, op);
  const [mount] = await volumes.mount("one", claim.mounts, root, op);
  rmSync(join(dir, "link"));
  symlinkSync(join(dir, "other"), join(dir, "link"));
  expect(readFileSync(join(mount?.source ?? "", "which"), "utf8")).toBe("real");
  await volumes.unmount("one", claim.mounts);
  expect(readFileSync(join(dir, "real/which"), "utf8")).toBe("real");
});

test("mount() copies no tree into itself: a source above the engine's own directory is given as it is", async () => {
  const claim = await volumes.resolve("one", { ...nothing, binds: ["/:/host"] }, op);
  expect((await volumes.mount("one", claim.mounts, root, op))[0]?.source).toBe("/");
  await volumes.unmount("one", claim.mounts);
});

test("resolve() takes the VOLUME of an image relative to the root", async () => {
  const claim = await volumes.resolve("c1", { ...nothing, volumes: ["data/x/"] }, op);
  expect(claim.mounts).toMatchObject([{ type: "volume", destination: "/data/x" }]);
});

test("resolve() takes an image by the id that its name has now, for reading only", async () => {
  const mounts = [{ Type: "image", Source: "tools:1", Target: "/tools", ImageOptions: { Subpath: "bin/" } }];
  const claim = await volumes.resolve("c1", { ...nothing, mounts }, op);
  expect(claim.mounts).toMatchObject([
    { type: "image", name: "tools:1", image: "sha256:1234", readOnly: true, subpath: "bin/", driver: "" },
  ]);
});

test.each([
  [{ Source: "" }, "field Source must not be empty"],
  [{ Source: "absent" }, "No such image: absent"],
  [{ Source: "tools:1", ImageOptions: { Subpath: "../x" } }, "subpath must be a relative path within the volume"],
])("resolve() refuses the image mount %p", async (more, reason) => {
  const mounts = [{ Type: "image", Target: "/tools", ...more }];
  await expect(volumes.resolve("c1", { ...nothing, mounts }, op)).rejects.toThrow(
    `invalid mount config for type "image": ${reason}`,
  );
});

test.each([
  [{ Type: "image", BindOptions: {} }, 'BindOptions must not be specified on mount type "image"'],
  [{ Type: "bind", BindOptions: {}, VolumeOptions: {} }, 'VolumeOptions must not be specified on mount type "bind"'],
  [{ Type: "volume", TmpfsOptions: {} }, 'TmpfsOptions must not be specified on mount type "volume"'],
  [{ Type: "bind", Source: "/", Target: "/x", ImageOptions: {} }, "field ImageOptions must not be specified"],
])("resolve() refuses %p before it looks at other mounts", async (mount, reason) => {
  const faulty = { Type: "bind", Source: "", Target: "/y" };
  const mounts = reason.startsWith("field") ? [mount] : [faulty, mount];
  await expect(volumes.resolve("c1", { ...nothing, mounts }, op)).rejects.toThrow(reason);
});

test("mount() holds a subpath by a mount of its own, inside the volume whatever links say", async () => {
  const { Mountpoint } = await volumes.create({ Name: "data" }, op);
  mkdirSync(join(Mountpoint, "sub"));
  writeFileSync(join(Mountpoint, "sub/inside"), "inside");
  symlinkSync("/sub", join(Mountpoint, "link"));
  symlinkSync("/etc", join(Mountpoint, "out"));
  const subpath = (Subpath: string) => ({
    ...nothing,
    mounts: [{ Type: "volume", Source: "data", Target: "/x", VolumeOptions: { Subpath } }],
  });
  const claim = await volumes.resolve("one", subpath("link"), op);
  const [mount] = await volumes.mount("one", claim.mounts, root, op);
  expect(readFileSync(join(mount?.source ?? "", "inside"), "utf8")).toBe("inside");
  await volumes.unmount("one", claim.mounts);
  expect(existsSync(join(dir, "exec/pins/one"))).toBe(false);
  expect(readFileSync(join(Mountpoint, "sub/inside"), "utf8")).toBe("inside");
  const escaping = await volumes.resolve("two", subpath("out"), op);
  await expect(volumes.mount("two", escaping.mounts, root, op)).rejects.toThrow("cannot access path");
});

test("mount() mounts a volume with driver options once and unmount() takes it back with its last user", async () => {
  const DriverOpts = { type: "tmpfs", device: "tmpfs", o: "size=1m,nosuid" };
  const { Mountpoint } = await volumes.create({ Name: "ram", DriverOpts }, op);
  const mounted = () => readFileSync("/proc/self/mountinfo", "utf8").includes(` ${Mountpoint} `);
  const one = await volumes.resolve("one", { ...nothing, binds: ["ram:/r:nocopy"] }, op);
  const two = await volumes.resolve("two", { ...nothing, binds: ["ram:/r:nocopy"] }, op);
  await volumes.mount("one", one.mounts, root, op);
  await volumes.mount("two", two.mounts, root, op);
  await volumes.unmount("one", one.mounts);
  expect(mounted()).toBe(true);
  await volumes.unmount("two", two.mounts);
  expect(mounted()).toBe(false);
});

test("a volume with driver options is mounted once for two containers that start at once, and survives the engine", async () => {
  const DriverOpts = { type: "tmpfs", device: "tmpfs", o: "size=1m" };
  const { Mountpoint } = await volumes.create({ Name: "ram", DriverOpts }, op);
  const mounts = () => readFileSync("/proc/self/mountinfo", "utf8").split(` ${Mountpoint} `).length - 1;
  const claims = await Promise.all(
    ["one", "two"].map((id) => volumes.resolve(id, { ...nothing, binds: ["ram:/r:nocopy"] }, op)),
  );
  await Promise.all(claims.map((claim, i) => volumes.mount(["one", "two"][i] ?? "", claim.mounts, root, op)));
  expect(mounts()).toBe(1);
  volumes = open();
  for (const [i, claim] of claims.entries()) volumes.reference(["one", "two"][i] ?? "", claim.mounts, true);
  await volumes.unmount("one", claims[0]?.mounts ?? []);
  expect(mounts()).toBe(1);
  await volumes.unmount("two", claims[1]?.mounts ?? []);
  expect(mounts()).toBe(0);
});

test("a volume with driver options is mounted also while its empty directory is bound somewhere else", async () => {
  const { Mountpoint } = await volumes.create({ Name: "ram", DriverOpts: { type: "tmpfs", device: "tmpfs" } }, op);
  const elsewhere = join(dir, "elsewhere");
  mkdirSync(elsewhere);
  // On a disk that is mounted at the root, the table of mounts then has the path in another column.
  mount(Mountpoint, elsewhere, null, MS_BIND, null);
  const { mounts } = await volumes.resolve("one", { ...nothing, binds: ["ram:/r:nocopy"] }, op);
  await volumes.mount("one", mounts, root, op);
  const device = statSync(Mountpoint).dev;
  await volumes.unmount("one", mounts);
  unmount(elsewhere);
  expect(device).not.toBe(statSync(Mountpoint).dev);
});

test("a volume's making, mounting and unmounting are told as dockerd tells them", async () => {
  const { mounts, commit } = await volumes.resolve("one", { ...nothing, binds: ["plain:/p:ro"] }, op);
  db.transaction("full", commit);
  await volumes.mount("one", mounts, root, op);
  await volumes.unmount("one", mounts);
  await volumes.unmount("one", mounts);
  const container = { container: "one", driver: "local" };
  expect(events).toEqual([
    ["create", "plain", { driver: "local" }],
    ["mount", "plain", { ...container, destination: "/p", propagation: "", "read/write": "false" }],
    ["unmount", "plain", container],
  ]);
});

test("list() takes a name as a regular expression", async () => {
  for (const Name of ["vv", "avv", "other"]) await volumes.create({ Name }, op);
  const named = async (name: string) =>
    (await volumes.list(new Map([["name", [name]]]), op)).Volumes?.map((volume) => volume.Name).sort();
  expect(await named("^v")).toEqual(["vv"]);
  expect(await named("v$")).toEqual(["avv", "vv"]);
  expect(await named("[")).toEqual([]);
});

test("populate() copies into empty volumes only, never with nocopy or into a bind", async () => {
  const config = { ...nothing, binds: ["aa:/a", "bb:/b:nocopy", `${dir}:/c`], volumes: ["/d"] };
  const claim = await volumes.resolve("one", config, op);
  await volumes.populate(claim.mounts, "/rootfs", op);
  await volumes.populate(claim.mounts, "/rootfs", op);
  expect(copies).toEqual(["/a", "/d"]);
});

test("populate() goes on with a volume whose copy was cut short, also in the next engine", async () => {
  const claim = await volumes.resolve("one", { ...nothing, binds: ["aa:/a"] }, op);
  db.transaction("full", (tx) => claim.commit(tx));
  diskFull = true;
  await expect(volumes.populate(claim.mounts, "/rootfs", op)).rejects.toThrow("no space left");
  diskFull = false;
  volumes = open();
  await volumes.populate(claim.mounts, "/rootfs", op);
  await volumes.populate(claim.mounts, "/rootfs", op);
  expect(copies).toEqual(["/a", "/a"]);
});

test("populate() of one volume for several containers at once copies once", async () => {
  const claims = await Promise.all(
    ["one", "two", "three"].map((id) => volumes.resolve(id, { ...nothing, binds: ["aa:/a"] }, op)),
  );
  await Promise.all(claims.map(({ mounts }) => volumes.populate(mounts, "/rootfs", op)));
  expect(copies).toEqual(["/a"]);
});

test("resolve() and remove() of one volume at once leave the container with a volume, or remove() without", async () => {
  await volumes.create({ Name: "data" }, op);
  const resolving = volumes.resolve("one", { ...nothing, binds: ["data:/d"] }, op);
  const removed = await volumes.remove("data", { force: false }, op).catch(String);
  const claim = await resolving;
  db.transaction("full", (tx) => claim.commit(tx));
  expect(removed ?? "").toMatch(/^$|volume is in use/);
  expect((await volumes.inspect("data", op)).Name).toBe("data");
  expect(existsSync(join(dir, "volumes/data/_data"))).toBe(true);
});

test("a volume that two creates share is recorded by the second when the first one's commit is rolled back", async () => {
  const first = await volumes.resolve("one", { ...nothing, binds: ["data:/d"] }, op);
  const second = await volumes.resolve("two", { ...nothing, binds: ["data:/d"] }, op);
  const commit = () =>
    db.transaction("full", (tx) => {
      first.commit(tx);
      throw new Error("the name is taken");
    });
  expect(commit).toThrow("the name is taken");
  await first.rollback();
  db.transaction("full", (tx) => second.commit(tx));
  expect((await volumes.inspect("data", op)).Name).toBe("data");
});

test("volumes-from takes over mounts of another container, read-only if asked, below those of its own", async () => {
  const other = await volumes.resolve("one", { ...nothing, binds: ["aa:/a", "bb:/b"], tmpfs: { "/t": "" } }, op);
  const mountsOf = () => other.mounts;
  const claim = await volumes.resolve("two", { ...nothing, volumesFrom: ["one:ro"], binds: ["cc:/b"], mountsOf }, op);
  expect(claim.mounts.map((m) => [m.destination, m.name, m.readOnly])).toEqual([
    ["/a", "aa", true],
    ["/b", "cc", false],
  ]);
});

test("prune() takes unused anonymous volumes, and named ones only when told", async () => {
  await volumes.create({ Name: "named" }, op);
  const { Mountpoint } = await volumes.create({}, op);
  writeFileSync(join(Mountpoint, "bytes"), "12345");
  const used = await volumes.resolve("one", { ...nothing, volumes: ["/d"] }, op);
  db.transaction("full", (tx) => used.commit(tx));
  const pruned = await volumes.prune(new Map(), op);
  expect([pruned.VolumesDeleted?.length, pruned.SpaceReclaimed]).toEqual([1, 5]);
  expect((await volumes.prune(new Map([["all", ["true"]]]), op)).VolumesDeleted).toEqual(["named"]);
});

test("prune() leaves volumes with options alone, as dockerd does, also when told to take all", async () => {
  await volumes.create({ Name: "elsewhere", DriverOpts: { type: "tmpfs", device: "tmpfs" } }, op);
  await volumes.create({ Name: "unlimited", DriverOpts: { size: "0" } }, op);
  await volumes.create({ Name: "plain" }, op);
  expect(await volumes.prune(new Map([["all", ["true"]]]), op)).toEqual({
    VolumesDeleted: ["plain"],
    SpaceReclaimed: 0,
  });
  expect((await volumes.usage(op)).map(({ Name, UsageData }) => [Name, UsageData?.Size])).toEqual([
    ["elsewhere", -1],
    ["unlimited", 0],
  ]);
});

test("a limit that no file system here keeps is refused, a size that is none as well, and no directory is left", async () => {
  const create = (size: string) => volumes.create({ Name: "limited", DriverOpts: { size } }, op);
  for (const size of ["x", "-1", "", "1x"])
    await expect(create(size)).rejects.toThrow(`create limited: invalid size: '${size}'`);
  await expect(create("1g")).rejects.toThrow("create limited: quota size requested but no quota support");
  expect(readdirSync(join(dir, "volumes"))).toEqual([]);
});

test("restore() takes data without a record back and drops the empty rest of a create cut short", async () => {
  mkdirSync(join(dir, "volumes/kept/_data"), { recursive: true });
  writeFileSync(join(dir, "volumes/kept/_data/x"), "");
  mkdirSync(join(dir, "volumes/cut/_data"), { recursive: true });
  mkdirSync(join(dir, "volumes/lost+found")); // of a file system of their own
  await volumes.restore(op);
  expect((await volumes.list(new Map(), op)).Volumes.map((v) => v.Name)).toEqual(["kept"]);
  expect(readdirSync(join(dir, "volumes")).sort()).toEqual(["kept", "lost+found"]);
});
