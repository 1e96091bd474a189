/** What `compose up` does about volumes that have changed, hooks and providers. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-changes-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const file = join(dir, "compose.yaml");

const compose = (...args: string[]) =>
  run([dhowBinary, "compose", "-f", file, "-p", "changes", ...args], {
    env: { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", PATH: `${dir}:${process.env.PATH}` },
  });
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await compose(...args);
  if (code !== 0) throw new Error(`${args.join(" ")} -> ${code}\n${stderr}\n${daemon().lastLogged()}`);
  return stdout + stderr;
}

afterEach(async () => {
  await compose("down", "-v", "-t", "0");
  expect(await daemon().must("ps", "-aq")).toBe("");
  expect(await daemon().must("volume", "ls", "-q")).toBe("");
}, 60_000 * slowness);

test(
  "a changed volume stays with a warning, and -y makes it and its containers anew",
  async () => {
    const write = (label: string): void =>
      writeFileSync(
        file,
        `
services:
  db: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["data:/data"]}
  other: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}
volumes: {data: {labels: {of: ${label}}}}
`,
      );
    const label = () => daemon().must("volume", "inspect", "-f", "{{.Labels.of}}", "changes_data");
    const id = (service: string) => daemon().must("inspect", "-f", "{{.Id}}", `changes-${service}-1`);
    write("old");
    await ok("up", "-d");
    await daemon().must("exec", "changes-db-1", "touch", "/data/kept");
    const [db, other] = [await id("db"), await id("other")];
    write("new");
    expect(await ok("up", "-d")).toContain("doesn't match configuration in compose file");
    expect(await label()).toBe("old\n");
    expect(await id("db")).toBe(db);
    const holder = await daemon().must(
      "run",
      "-d",
      "-v",
      "changes_data:/d",
      "--stop-signal",
      "KILL",
      "busybox",
      "sleep",
      "1000",
    );
    const held = await compose("up", "-d", "-y");
    expect(held.code).toBe(1);
    expect(held.stderr).toContain("volume is in use");
    await daemon().must("rm", "-f", holder.trim());
    await ok("up", "-d", "-y");
    expect(await label()).toBe("new\n");
    expect(await id("db")).not.toBe(db);
    expect(await id("other")).toBe(other);
    expect(await daemon().must("exec", "changes-db-1", "ls", "/data")).toBe("");
    expect(await ok("up", "-d")).not.toContain("doesn't match");
  },
  120_000 * slowness,
);

test(
  "what post_start and pre_stop write is in the attached log, under the container's name and an arrow",
  async () => {
    writeFileSync(
      file,
      `
services:
  main:
    image: busybox
    command: [sleep, "2"]
    init: true
    post_start: [{command: [sh, -c, "echo begun; echo aside >&2; printf rest"]}]
  side:
    image: busybox
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    pre_stop: [{command: [sh, -c, "echo going"]}]
`,
    );
    const { stdout, stderr } = await compose("up", "--abort-on-container-exit");
    for (const line of ["main-1 ->  | begun", "main-1 ->  | rest", "side-1 ->  | going"]) {
      expect(stdout.split("\n")).toContain(line);
    }
    expect(stderr.split("\n")).toContain("main-1 ->  | aside");
  },
  120_000 * slowness,
);

test(
  "a provider is called with its options, and what it sets is in the containers that depend on it",
  async () => {
    const provider = join(dir, "dhowcloud");
    writeFileSync(
      provider,
      `#!/bin/sh
echo "$@" >> ${dir}/calls
[ "$2" = metadata ] && exit 1
[ -e ${dir}/broken ] && { echo '{"type":"error","message":"no money"}'; exec sleep 1000; }
echo '{"type":"info","message":"making it"}'
echo '{"type":"setenv","message":"URL=cloud://x"}'
`,
    );
    chmodSync(provider, 0o755);
    writeFileSync(
      file,
      `
services:
  db: {provider: {type: dhowcloud, options: {size: 2, kind: [a, b]}}}
  web: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: [db]}
`,
    );
    expect(await ok("up", "-d")).toContain("db  making it");
    expect(await daemon().must("exec", "changes-web-1", "sh", "-c", "echo $DB_URL")).toBe("cloud://x\n");
    expect(await ok("up", "-d")).toContain("Container changes-web-1  Running");
    writeFileSync(join(dir, "broken"), "");
    const failed = await compose("up", "-d");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("no money");
    rmSync(join(dir, "broken"));
    await ok("down", "-t", "0");
    const calls = readFileSync(join(dir, "calls"), "utf8")
      .split("\n")
      .filter((line) => !line.includes("metadata"));
    const up = "compose --project-name=changes up --size=2 --kind=a --kind=b db";
    expect(calls.filter(Boolean)).toEqual([
      up,
      up,
      up,
      "compose --project-name=changes down --size=2 --kind=a --kind=b db",
    ]);
  },
  120_000 * slowness,
);

test(
  "a job is made by up and started by the engine when its time comes",
  async () => {
    writeFileSync(
      file,
      `
services:
  job: {image: busybox, command: [sh, -c, "echo ran"], x-schedule: "* * * * *"}
  web: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}
`,
    );
    await ok("up", "-d", "--wait");
    const status = async () => (await daemon().must("inspect", "-f", "{{.State.Status}}", "changes-job-1")).trim();
    const logs = () => daemon().must("logs", "changes-job-1");
    expect(await status()).toBe("created");
    const end = Date.now() + 75_000;
    while ((await logs()) === "" && Date.now() < end) await Bun.sleep(200);
    expect(await logs()).toBe("ran\n");
    const started = await daemon().must("inspect", "-f", "{{.State.StartedAt}}", "changes-job-1");
    expect(new Date(started.trim()).getSeconds()).toBeLessThan(10);
    await ok("up", "-d");
  },
  150_000 * slowness,
);
