/** A snapshot on a file system that shares blocks takes none of its own until one of the two is written to. */
import { afterAll, expect, test } from "bun:test";
import { statfs } from "../../src/linux/statfs.ts";
import { slowness, succeed } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { mountFileSystem } from "../harness/file-system.ts";
import { busyboxTar } from "../harness/images.ts";

const daemon = TestDaemon.reserve();
const mounted = await mountFileSystem("xfs", daemon.dataRoot);
afterAll(async () => {
  // The daemon removes its root, which the mount would keep busy.
  mounted?.[Symbol.dispose]();
  await daemon[Symbol.asyncDispose]();
}, 60_000 * slowness);

test.skipIf(mounted === null)(
  "volume snapshot and clone on xfs share their blocks, as FIEMAP and the free space tell",
  async () => {
    await daemon.start();
    await daemon.docker("import", await busyboxTar(), "busybox:latest");
    const inside = (volume: string, script: string) =>
      daemon.must("run", "--rm", "-v", `${volume}:/d`, "busybox", "sh", "-c", script);
    await inside("orig", "dd if=/dev/urandom of=/d/f bs=1M count=64; sync");
    const sum = await inside("orig", "md5sum /d/f");
    const extents = async (volume: string) => {
      await succeed(["sync", "-f", daemon.dataRoot]);
      return (
        (await succeed(["filefrag", "-v", `${daemon.dataRoot}/volumes/${volume}/_data/f`])).match(/shared/g)?.length ??
        0
      );
    };
    expect(await extents("orig")).toBe(0);
    const free = statfs(daemon.dataRoot).freeBytes;
    await daemon.must("volume", "snapshot", "orig", "snap");
    await daemon.must("volume", "clone", "orig", "copy");
    expect(await extents("snap")).toBeGreaterThan(0);
    expect(await extents("orig")).toBeGreaterThan(0);
    expect(free - statfs(daemon.dataRoot).freeBytes).toBeLessThan(8 << 20); // two copies would be 128 MB
    await inside("orig", "dd if=/dev/zero of=/d/f bs=1M count=64 conv=notrunc; sync");
    expect(await inside("snap", "md5sum /d/f")).toBe(sum);
    expect(await inside("copy", "md5sum /d/f")).toBe(sum);
    expect(await extents("orig")).toBe(0);
  },
  60_000 * slowness,
);
