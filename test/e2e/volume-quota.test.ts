/** `volume create -o size=` where the file system keeps limits (`npm run vm -- volume-quota`, where this kernel has no project quotas), and where not. */
import { afterAll, describe, expect, test } from "bun:test";
import { type CommandResult, slowness } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { mountFileSystem } from "../harness/file-system.ts";
import { busyboxTar } from "../harness/images.ts";

describe.each(["ext4", "xfs"] as const)("on %s with project quotas", async (kind) => {
  const daemon = TestDaemon.reserve();
  const mounted = await mountFileSystem(kind, daemon.dataRoot, { quota: true });
  afterAll(async () => {
    // The daemon removes its root, which the mount would keep busy.
    mounted?.[Symbol.dispose]();
    await daemon[Symbol.asyncDispose]();
  }, 60_000 * slowness);
  const out = async (...args: string[]) => (await daemon.must(...args)).trim();
  const write = (volume: string, name: string, megabytes: number): Promise<CommandResult> => {
    const script = `dd if=/dev/zero of=/d/${name} bs=1M count=${megabytes} 2>&1; stat -c %s /d/${name}`;
    return daemon.dhow("run", "--rm", "-v", `${volume}:/d`, "busybox", "sh", "-c", script);
  };
  const refused = /No space left on device|Disk quota exceeded/;

  test.skipIf(mounted === null)(
    "a volume takes what it may and no more, and its neighbours take no notice",
    async () => {
      await daemon.start();
      await daemon.docker("import", await busyboxTar(), "busybox:latest");
      expect(await out("volume", "create", "-o", "size=10m", "small")).toBe("small");
      expect(await out("volume", "create", "-o", "size=40m", "large")).toBe("large");
      await out("volume", "create", "free");
      expect((await write("small", "f", 5)).stdout).not.toMatch(refused);
      const over = await write("small", "g", 20);
      expect(over.stdout).toMatch(refused);
      expect(Number(over.stdout.trim().split("\n").at(-1))).toBeLessThanOrEqual(5 << 20);
      expect((await write("large", "f", 20)).stdout).not.toMatch(refused);
      expect((await write("large", "g", 30)).stdout).toMatch(refused);
      expect((await write("free", "f", 60)).stdout).not.toMatch(refused);
      expect(await out("volume", "inspect", "-f", "{{json .Options}} {{.Driver}}", "small")).toBe(
        '{"size":"10m"} local',
      );
      // What the container sees is the volume, not the disk.
      const df = await out("run", "--rm", "-v", "small:/d", "busybox", "df", "-m", "/d");
      expect(df.split("\n").at(-1)?.split(/\s+/)[1]).toBe("10");
      const usage = JSON.parse(await out("system", "df", "-v", "--format", "{{json .Volumes}}")) as Usage[];
      expect(usage.find(({ Name }) => Name === "small")?.Size).toMatch(/^(9|10)\.?\d*MB$/);
    },
    120_000 * slowness,
  );

  test.skipIf(mounted === null)(
    "the limit outlives the engine, goes with a clone and a new name, and ends with the volume",
    async () => {
      await daemon.restart();
      expect((await write("small", "h", 20)).stdout).toMatch(refused);
      await out("volume", "clone", "small", "copy");
      await out("volume", "rename", "small", "renamed");
      for (const name of ["copy", "renamed"]) expect((await write(name, "h", 20)).stdout, name).toMatch(refused);
      await out("volume", "rm", "renamed", "copy");
      await out("volume", "create", "small");
      expect((await write("small", "f", 20)).stdout).not.toMatch(refused);
      // What an image has there counts, too.
      await out("volume", "create", "-o", "size=64k", "tiny");
      const full = await daemon.dhow("run", "--rm", "-v", "tiny:/bin", "busybox", "true");
      expect(full.stderr).toMatch(/no space left on device|disk quota exceeded/i);
      expect((await daemon.dhow("volume", "create", "-o", "size=1x", "bad")).stderr).toContain(
        "create bad: invalid size: '1x'",
      );
    },
    120_000 * slowness,
  );

  test.skipIf(mounted === null)(
    "--storage-opt size= limits what a container writes of its own",
    async () => {
      const script =
        "dd if=/dev/zero of=/f bs=1M count=40 2>&1; df -m / | tail -1 | awk '{print $2}'; rm /f; mkdir /new; mv /new /newer; rm -r /usr; ls /";
      const { stdout } = await daemon.dhow("run", "--rm", "--storage-opt", "size=20m", "busybox", "sh", "-c", script);
      expect(stdout).toMatch(refused);
      expect(stdout).toMatch(/^20$/m);
      expect(stdout).toMatch(/^newer$/m);
      const unlimited = await daemon.dhow("run", "--rm", "busybox", "dd", "if=/dev/zero", "of=/f", "bs=1M", "count=40");
      expect(unlimited.code).toBe(0);
    },
    120_000 * slowness,
  );
});

interface Usage {
  readonly Name: string;
  readonly Size: string;
}

test(
  "where the file system keeps no limits the volume is refused in dockerd's words, and none is made",
  async () => {
    await using daemon = TestDaemon.reserve();
    using mounted = await mountFileSystem("ext4", daemon.dataRoot);
    await daemon.start();
    const asked = await daemon.dhow("volume", "create", "-o", "size=1g", "limited");
    expect(asked.stderr.trim()).toContain("create limited: quota size requested but no quota support");
    expect(asked.code).toBe(1);
    expect((await daemon.must("volume", "ls", "-q")).trim()).toBe("");
    // No limit is one that every file system keeps.
    expect((await daemon.must("volume", "create", "-o", "size=0", "unlimited")).trim()).toBe("unlimited");
    expect(mounted).not.toBeNull();
  },
  60_000 * slowness,
);
