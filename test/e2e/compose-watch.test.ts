/** `compose watch`: what changes here is seen inside the containers, by each kind of rule. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-watch-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const docker = async (...args: string[]) => (await daemon().docker(...args)).stdout.trim();

/** Waits until `look` answers `wanted`. */
async function settled(look: () => Promise<string>, wanted: string): Promise<void> {
  const end = Date.now() + 20_000 * slowness;
  let last = "";
  while (Date.now() < end) {
    last = await look();
    if (last === wanted) return;
    await Bun.sleep(100);
  }
  expect(last).toBe(wanted);
}

test(
  "watch syncs, restarts, runs a command and rebuilds, and leaves ignored files alone",
  async () => {
    for (const name of ["src", "conf", "app"]) mkdirSync(join(dir, name));
    writeFileSync(join(dir, "app", "f"), "one");
    writeFileSync(join(dir, "src", "first"), "there before");
    const sleeper = `init: true, command: [sh, -c, "mkdir -p /src /conf; exec sleep 1000"]`;
    writeFileSync(
      join(dir, "compose.yaml"),
      `
name: w
services:
  synced:
    { image: busybox, ${sleeper}, develop: { watch: [
      { path: ./src, action: sync, target: /src, ignore: ["*.log"], initial_sync: true },
      { path: ./conf, action: sync+exec, target: /conf, exec: { command: [sh, -c, "cat /conf/c > /reloaded"] } } ] } }
  restarted: { image: busybox, ${sleeper}, develop: { watch: [{ path: ./conf, action: restart }] } }
  built:
    build: { context: ./app, dockerfile_inline: "FROM busybox\\nCOPY f /f\\nCMD [\\"sleep\\",\\"1000\\"]\\n" }
    init: true
    develop: { watch: [{ path: ./app, action: rebuild }] }
`,
    );
    const env = { ...process.env, DHOW_AUTOSTART: "0", DOCKER_HOST: `unix://${daemon().socket}` };
    const child = Bun.spawn([dhowBinary, "compose", "-f", join(dir, "compose.yaml"), "watch"], {
      env,
      stdout: "pipe",
      stderr: "ignore",
    });
    const read = (container: string, path: string) => () => docker("exec", container, "cat", path);
    try {
      await settled(read("w-synced-1", "/src/first"), "there before");
      const started = await docker("inspect", "-f", "{{.State.StartedAt}}", "w-restarted-1");
      mkdirSync(join(dir, "src", "deep"));
      writeFileSync(join(dir, "src", "deep", "new"), "synced");
      writeFileSync(join(dir, "src", "x.log"), "noise");
      await settled(read("w-synced-1", "/src/deep/new"), "synced");
      expect(await docker("exec", "w-synced-1", "ls", "/src")).toBe("deep\nfirst");
      rmSync(join(dir, "src", "first"));
      await settled(() => docker("exec", "w-synced-1", "ls", "/src"), "deep");
      writeFileSync(join(dir, "conf", "c"), "setting");
      await settled(read("w-synced-1", "/reloaded"), "setting");
      await settled(
        async () => String((await docker("inspect", "-f", "{{.State.StartedAt}}", "w-restarted-1")) !== started),
        "true",
      );
      writeFileSync(join(dir, "app", "f"), "two");
      await settled(read("w-built-1", "/f"), "two");
    } finally {
      child.kill("SIGINT");
    }
    expect(await child.exited).toBe(130);
    const down = await daemon().dhow("compose", "-f", join(dir, "compose.yaml"), "down", "-t", "0", "--rmi", "local");
    expect(down.code).toBe(0);
    await daemon().docker("builder", "prune", "-af");
  },
  120_000 * slowness,
);
