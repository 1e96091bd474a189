/**
 * Images on their way through registries and clients, byte for byte the same at the end: skopeo, the stock client and ours, at `dhow
 * registry serve` and Debian's docker-registry. What Debian 12 has no package of is tried by `npm run round-trips`.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { startOwnRegistry } from "../harness/own-registry.ts";
import { blobsIn, checkWhole, manifestAt, putSource, type Source, sourceName } from "../harness/round-trips.ts";
import { withDaemon } from "./fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "./registry-server.ts";

const daemon = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-round-trips-"));
let own: DockerRegistry;
let debian: DockerRegistry;
beforeAll(async () => {
  [own, debian] = await Promise.all([startOwnRegistry(), startDockerRegistry()]);
});
afterAll(async () => {
  await own?.[Symbol.asyncDispose]();
  await debian?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const skopeoCopy = (from: string, to: string) => {
  const flags = ["-q", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
  return succeed(["skopeo", "copy", ...flags, from, to]);
};

describe.each([
  ["dhow registry serve", () => own, () => debian],
  ["Debian's docker-registry", () => debian, () => own],
] as const)("from %s", (_name, from, to) => {
  let source: Source;
  let host: string;
  beforeAll(async () => {
    host = from().host;
    source = await putSource(host);
  });

  test("skopeo takes all platforms to the other registry, into a directory and back", async () => {
    const layout = `oci:${mkdtempSync(join(dir, "layout-"))}:1`;
    await skopeoCopy(`docker://${host}/${sourceName}`, `docker://${to().host}/far/app:1`);
    expect(await checkWhole(to().host, "far/app", "1")).toBe(source.index);
    await skopeoCopy(`docker://${to().host}/far/app:1`, layout);
    await skopeoCopy(layout, `docker://${host}/back/app:1`);
    expect(await checkWhole(host, "back/app", "1")).toBe(source.index);
  });

  test.each(clients)("what %s pulls it pushes with the same bytes", async (client) => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon().run(client, ...args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    for (const [platform, part] of [
      ["linux/amd64", source.amd64],
      ["linux/arm64", source.arm64],
    ] as const) {
      const architecture = platform.replace("linux/", "");
      await run("pull", "-q", "--platform", platform, `${host}/${sourceName}`);
      const [id, digests] = (
        await run("image", "inspect", "-f", "{{.Id}} {{.RepoDigests}}", `${host}/${sourceName}`)
      ).split(" ");
      expect([id, digests]).toEqual([blobsIn(part.bytes)[0], expect.stringContaining(source.index)]);
      const target = `${to().host}/pushed/${client}:${architecture}`;
      await run("tag", `${host}/${sourceName}`, target);
      const told = await run("push", target);
      expect(told).toContain(`${architecture}: digest: ${part.digest} size: ${part.bytes.length}\n`);
      expect(await manifestAt(to().host, `pushed/${client}`, architecture)).toEqual(part.bytes);
      expect(await checkWhole(to().host, `pushed/${client}`, architecture)).toBe(part.digest);
      await run("rmi", target, `${host}/${sourceName}`);
    }
  });
});
