/** Hardening, section A, rows 1 to 16: hostile archives by each way into the daemon: pull, load, import and a container's archive PUT. */
import { describe, expect, test } from "bun:test";
import { inParallel } from "../../src/images/in-parallel.ts";
import { digestOf } from "../../src/lib/digest.ts";
import { setCanary } from "../canary.ts";
import { imageArchive } from "../fixtures/docker-archive.ts";
import { type HostileArchive, hostileArchives } from "../fixtures/hostile-archives.ts";
import { manifestIn, startRegistry } from "../fixtures/registry.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { importTar, loadArchive, type Outcome, pullImage, putArchive, stored } from "../harness/image-api.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

type Way = (d: TestDaemon, archive: Buffer) => Promise<Outcome>;

const ways: Record<string, Way> = {
  pull: async (d, layer) => {
    await using registry = await startRegistry();
    const rootfs = { type: "layers", diff_ids: [digestOf(layer)] };
    const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs }));
    for (const blob of [config, layer]) registry.blobs.set(digestOf(blob), blob);
    registry.manifests.set("1", registry.manifests.get(manifestIn(registry, config, [layer]).digest)!);
    return await pullImage(d, `${registry.host}/hostile`, "1");
  },
  load: (d, layer) => loadArchive(d, imageArchive({ name: "hostile:load", layers: [layer] })),
  import: (d, layer) => importTar(d, "hostile/import", layer),
  "archive PUT": (d, tar) => putArchive(d, "target", "/tmp", tar),
};

/** What is wrong with how this archive fared; empty when all is well. */
async function faults(hostile: HostileArchive, way: string): Promise<string[]> {
  using canary = setCanary();
  const d = daemon();
  const { status, error } = await ways[way]!(d, Buffer.concat([...hostile.bytes(canary)]));
  const found = canary.changes();
  if (hostile.expect === "refused" && error === null) found.push("it was taken");
  if (hostile.expect === "contained" && error !== null) found.push(`it was refused: ${error}`);
  if (status >= 500) found.push(`status ${status}: ${error}`);
  return found.map((line) => `${hostile.name}: ${line}`);
}

/** Of those that are cut, the reader's own test has all; here one stands for them. */
const cases = hostileArchives.filter(({ name }) => !name.includes(" cut after ") || name.includes("after 513"));
describe.each(Object.keys(ways))("hardening 1, 2, 4, 6, 7, 8, 11, 12, 14, 15, 16: by %s", (way) => {
  test("hostile archives touch nothing outside, and leave nothing of what was refused", async () => {
    const d = daemon();
    await d.must("create", "--name", "target", "busybox", "true");
    const before = stored(d);
    const found: string[] = [];
    const queue = cases.filter(({ layersOnly }) => !layersOnly || way !== "archive PUT");
    await inParallel(queue, 3, async (hostile) => void found.push(...(await faults(hostile, way))));
    expect(found).toEqual([]);
    const { body } = await d.api<{ Id: string; RepoTags: string[] | null }[]>("GET", "/images/json?all=1");
    for (const { Id, RepoTags } of body) if (!RepoTags?.includes("busybox:latest")) await d.must("rmi", "-f", Id);
    await d.must("rm", "target");
    expect(stored(d)).toEqual(before);
  }, 120_000);
});
