/**
 * Hardening, rows 159 and 160: a power cut. The data root is an ext4 file system on a loop device; the device's backing file is
 * copied at the moment of an acknowledgement, without a sync: the copy holds what the file system has written to its device,
 * and nothing that waits in the page cache. An engine on that copy must have everything that was acknowledged.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, succeed } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { startDockerRegistry } from "./registry-server.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-power-"));
const image = join(dir, "disk");
const disk = join(dir, "mounted");
const layer = join(dir, "layer.tar");
let d: TestDaemon;
let registry: Awaited<ReturnType<typeof startDockerRegistry>>;

/** A file system that writes nothing by itself for an hour: what is on the device has been synced by somebody. */
async function mountDisk(file: string, at: string): Promise<void> {
  mkdirSync(at, { recursive: true });
  await succeed(["mount", "-o", "loop,commit=3600", file, at]);
}

const loops = existsSync("/dev/loop-control");
/** Behind the names of tests that are skipped. */
const needs = loops ? "" : " (needs loop devices)";

beforeAll(async () => {
  if (!loops) return;
  await succeed(["truncate", "-s", "1G", image]);
  await succeed(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
  await mountDisk(image, disk);
  d = await TestDaemon.start({ flags: [`--data-root=${disk}/data`] });
  registry = await startDockerRegistry();
  const tree = join(dir, "tree");
  mkdirSync(join(tree, "many"), { recursive: true });
  for (let n = 0; n < 300; n++) writeFileSync(join(tree, "many", `file${n}`), `${n} `.repeat(500));
  await succeed(["tar", "-C", tree, "-cf", layer, "."]);
  await succeed(["docker", "-H", `unix://${d.socket}`, "import", await busyboxTar(), "busybox:latest"]);
}, 60_000);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await d?.[Symbol.asyncDispose]();
  await run(["umount", "-l", disk]);
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** Does `command`, cuts the power at its end, and gives an engine on what is left to `look`. */
async function cutAfter(command: readonly string[], look: (after: TestDaemon) => Promise<void>): Promise<void> {
  expect((await d.docker(...command)).stderr).toBe("");
  const copy = join(dir, "copy");

  await succeed(["cp", "--sparse=always", image, copy]);
  const at = join(dir, "after");
  await mountDisk(copy, at);
  try {
    await using after = await TestDaemon.start({ flags: [`--data-root=${at}/data`] });
    await look(after);
  } finally {
    await run(["umount", "-l", at]);
    rmSync(copy);
  }
}

const names = async (daemon: TestDaemon) =>
  (await daemon.must("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n");
/** Every file of the layer with its bytes, read by a container: an image without them would only look whole. */
async function expectWhole(after: TestDaemon, name: string): Promise<void> {
  await after.must("create", "--name", "reader", name, "none");
  const to = mkdtempSync(join(dir, "out-"));
  await after.must("cp", "reader:/many", to);
  expect(readdirSync(join(to, "many"))).toHaveLength(300);
  for (let n = 0; n < 300; n++) expect(readFileSync(join(to, "many", `file${n}`), "utf8")).toBe(`${n} `.repeat(500));
  await after.must("rm", "reader");
}

test.if(loops)(
  `the copy of the device lacks the bytes that nobody has synced${needs}`,
  async () => {
    writeFileSync(join(disk, "unsynced"), "lost");
    await cutAfter(["volume", "create", "first"], async () => {
      // Its name may have come with the journal of somebody else's sync; its bytes have not.
      const left = join(dir, "after", "unsynced");
      expect(existsSync(left) ? readFileSync(left, "utf8") : "").not.toContain("lost");
    });
  },
  60_000,
);

test.if(loops)(
  `hardening 159: a power cut after the answer to a create keeps the container, and it starts${needs}`,
  async () => {
    await cutAfter(
      ["create", "--name", "kept", "-v", "named:/d", "-l", "a=b", "busybox", "echo", "ok"],
      async (after) => {
        expect(await after.must("inspect", "-f", "{{.State.Status}} {{.Config.Labels.a}}", "kept")).toBe("created b\n");
        expect(await after.must("start", "-a", "kept")).toBe("ok\n");
      },
    );
  },
  60_000,
);

test.if(loops)(
  `hardening 159: a power cut after the answer keeps a tag, a volume, a network and a new name${needs}`,
  async () => {
    await cutAfter(["tag", "busybox", "busybox:tagged"], async (after) => {
      expect(await names(after)).toContain("busybox:tagged");
    });
    await cutAfter(["volume", "create", "--label", "x=y", "data"], async (after) => {
      expect(await after.must("volume", "inspect", "-f", "{{.Labels.x}}", "data")).toBe("y\n");
      expect(await after.must("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "touch /d/x; ls /d")).toBe("x\n");
    });
    await cutAfter(["network", "create", "lan"], async (after) => {
      expect(await after.must("run", "--rm", "--network", "lan", "busybox", "echo", "ok")).toBe("ok\n");
    });
    await cutAfter(["rename", "kept", "renamed"], async (after) => {
      expect(await after.must("ps", "-a", "--format", "{{.Names}}")).toBe("renamed\n");
    });
  },
  60_000,
);

test.if(loops)(
  `hardening 159, 160: a power cut after the answer keeps an import, a load, a pull and a commit, every file whole${needs}`,
  async () => {
    await cutAfter(["import", layer, "many:imported"], (after) => expectWhole(after, "many:imported"));
    const archive = join(dir, "many.tar");
    await d.must("save", "-o", archive, "many:imported");
    const to = `docker://${registry.host}/many:pulled`;
    await succeed(["skopeo", "copy", "-q", "--dest-tls-verify=false", `docker-archive:${archive}`, to]);
    await d.must("rmi", "many:imported");
    await cutAfter(["load", "-q", "-i", archive], (after) => expectWhole(after, "many:imported"));
    await d.must("rmi", "many:imported");
    await cutAfter(["pull", "-q", `${registry.host}/many:pulled`], (after) =>
      expectWhole(after, `${registry.host}/many:pulled`),
    );
    await d.must("create", "--name", "changed", `${registry.host}/many:pulled`, "none");
    await cutAfter(["commit", "changed", "many:committed"], (after) => expectWhole(after, "many:committed"));
  },
  120_000,
);
