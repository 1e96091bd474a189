/** Hardening, row 157: the daemon is killed at each durable step; each object is then old or new, and nothing is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dieAt, inRounds, startInTime } from "../harness/crash.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
let clean: Ledger;
beforeAll(async () => {
  clean = await settledLedger(daemon());
});

async function expectNothingLeft(d: TestDaemon): Promise<void> {
  expect((await d.dhow("ps", "-aq")).stdout).toBe("");
  expect((await d.dhow("volume", "ls", "-q")).stdout).toBe("");
  await expectLedger(d, clean, { fds: false });
}

interface KillPoint {
  readonly point: string;
  /** Run before the point is armed; all must succeed. */
  readonly before?: readonly (readonly string[])[];
  /** What passes the point; its client sees the daemon die. */
  readonly command: readonly string[];
  /** States that the container `victim` may be in afterwards; "" is gone. */
  readonly states: readonly string[];
  /** What else must hold, asked while the container is as the crash left it. */
  readonly holds?: (d: TestDaemon, state: string) => Promise<void>;
}

const shared = mkdtempSync(join(tmpdir(), "dhow-bind-"));
const content = "kept\n".repeat(50_000);
writeFileSync(join(shared, "source"), content);
afterAll(() => rmSync(shared, { recursive: true, force: true }));
const sleeper = ["run", "-d", "--name", "victim", "-p", "127.0.0.1::80", "-v", "/data", "busybox", "sleep", "600"];
const binding = ["run", "-d", "--name", "victim", "-v", `${shared}:/shared`, "busybox", "sleep", "600"];
const short = ["run", "-d", "--name", "victim", "busybox", "true"];
const made = ["create", "--name", "victim", "-v", "/data", "busybox", "sleep", "600"];
const filled = ["create", "--name", "victim", "-v", "/etc", "busybox", "sleep", "600"];
const startStates = ["created", "exited", "running"];
const inspect = async (d: TestDaemon, format: string) =>
  (await d.dhow("inspect", "--type", "container", "-f", format, "victim")).stdout.trim();

/** What `cp` had written is whole or not there, and what it writes now is. */
async function copiesWell(d: TestDaemon): Promise<void> {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8").includes(`${d.execRoot}/rootfs/`);
  // A running container's root is held without a place in the mount table.
  expect(mounted).toBe(false);
  const copied = join(shared, "back");
  rmSync(copied, { force: true });
  if ((await d.dhow("cp", "victim:/root/copied", copied)).code === 0)
    expect(readFileSync(copied, "utf8")).toBe(content);
  await d.must("cp", join(shared, "source"), "victim:/root/copied");
  await d.must("cp", "victim:/root/copied", copied);
  expect(readFileSync(copied, "utf8")).toBe(content);
}

const points: readonly KillPoint[] = [
  { point: "containers.create.recorded", command: made, states: ["", "created"] },
  { point: "containers.create.prepared", command: made, states: ["", "created"] },
  { point: "snapshots.prepare", command: made, states: ["", "created"] },
  { point: "volumes.create.made", command: made, states: [""] },
  ...["volumes.populate.marked", "volumes.populate.copied"].map((point) => ({
    point,
    command: filled,
    states: ["", "created"],
    holds: async (d: TestDaemon, state: string) => {
      if (state === "") return;
      const [volume = ""] = (await d.dhow("volume", "ls", "-q")).stdout.split("\n");
      const { stdout } = await d.dhow("run", "--rm", "-v", `${volume}:/d`, "busybox", "ls", "/d");
      expect(stdout).toContain("group");
      expect(stdout).toContain("passwd");
    },
  })),
  ...[
    "containers.start.intent",
    "networks.attach.planned",
    "networks.attach.attached",
    "networks.attach.recorded",
    "containers.start.network",
    "containers.start.mounted",
    "containers.start.bundled",
    "containers.start.process",
    "containers.start.recorded",
  ].map((point) => ({ point, command: sleeper, states: startStates })),
  { point: "volumes.mount.pinned", command: binding, states: startStates },
  ...["containers.exit.released", "containers.exit.recorded", "networks.detach.detached"].flatMap((point) => [
    { point, command: short, states: ["exited"] },
    { point, before: [sleeper], command: ["stop", "-t", "0", "victim"], states: ["exited"] },
    { point, before: [sleeper], command: ["rm", "-f", "-v", "victim"], states: ["", "exited"] },
    { point, command: ["run", "--rm", "--name", "victim", "-v", "/data", "busybox", "true"], states: [""] },
  ]),
  ...[
    "containers.remove.intended",
    "containers.remove.discarded",
    "snapshots.remove",
    "volumes.remove.recorded",
    "volumes.remove.discarded",
  ].flatMap((point) => [
    { point, before: [made], command: ["rm", "-v", "victim"], states: [""] },
    { point, command: ["run", "--rm", "--name", "victim", "-v", "/data", "busybox", "true"], states: [""] },
  ]),
  ...["recorded", "process", "started", "ended"].map((step) => ({
    point: `containers.exec.${step}`,
    before: [sleeper],
    command: ["exec", "victim", "true"],
    states: ["running"],
  })),
  // A signal that was sent may have ended the process, or be one that it does not heed.
  ...["recorded", "signalled"].flatMap((step) =>
    ["TERM", "KILL"].map((signal) => ({
      point: `containers.stop.${step}`,
      before: [sleeper],
      command: ["stop", "-t", "5", "-s", signal, "victim"],
      states: step === "recorded" ? ["running"] : [signal === "KILL" ? "exited" : "running"],
    })),
  ),
  ...[made, sleeper].flatMap((container) =>
    [
      ["cp", join(shared, "source"), "victim:/root/copied"],
      ["cp", "victim:/etc/group", join(shared, "out")],
    ].flatMap((command, out) =>
      [...(container === made ? ["mounted"] : []), ...(out === 0 ? ["written"] : [])].map((step) => ({
        point: `containers.archive.${step}`,
        before: [container],
        command,
        states: container === made ? ["created"] : ["running"],
        holds: copiesWell,
      })),
    ),
  ),
  {
    point: "containers.rename.recorded",
    before: [["create", "--name", "former", "busybox", "sleep", "600"]],
    command: ["rename", "former", "victim"],
    states: ["created"],
    holds: async (d) => expect((await d.dhow("create", "--name", "former", "busybox", "true")).code).toBe(0),
  },
  ...[
    ["containers.pause.frozen", [sleeper], "pause"],
    ["containers.unpause.thawed", [sleeper, ["pause", "victim"]], "unpause"],
  ].map(([point, before, verb]) => ({ point, before, command: [verb, "victim"], states: ["running"] }) as KillPoint),
  ...["containers.update.applied", "containers.update.recorded"].map((point) => ({
    point,
    before: [sleeper],
    command: ["update", "-m", "64m", "--memory-swap", "64m", "victim"],
    states: ["running"],
    holds: async (d: TestDaemon) => expect(["0", "67108864"]).toContain(await inspect(d, "{{.HostConfig.Memory}}")),
  })),
  ...["containers.update.applied", "containers.update.recorded"].map((point) => ({
    point,
    before: [sleeper],
    command: ["update", "--publish-add", "127.0.0.1:24680:80", "victim"],
    states: ["running"],
    // What the record says is what the kernel has: the port is held, or another may have it.
    holds: async (d: TestDaemon) => {
      const published = (await inspect(d, "{{json .NetworkSettings.Ports}}")).includes("24680");
      expect((await inspect(d, "{{json .HostConfig.PortBindings}}")).includes("24680")).toBe(published);
      const other = await d.dhow("run", "--rm", "-p", "127.0.0.1:24680:80", "busybox", "true");
      expect(other.code === 0).toBe(!published);
    },
  })),
];

/** Record, network, kernel and the next start agree about the networks of the victim. */
async function networksAgree(d: TestDaemon): Promise<void> {
  const names = async () => Object.keys(JSON.parse(await inspect(d, "{{json .NetworkSettings.Networks}}"))).sort();
  const shown = await names();
  const listed = await d.must("network", "inspect", "-f", "{{range .Containers}}{{.Name}}{{end}}", "lan");
  expect(listed.trim()).toBe(shown.includes("lan") ? "victim" : "");
  const links = (await d.must("exec", "victim", "ls", "/sys/class/net")).match(/eth\d/g) ?? [];
  expect(links.length).toBe(shown.length);
  await d.must("exec", "victim", "sh", "-c", "ip route | grep -q default");
  await d.must("restart", "-t", "0", "victim");
  expect(await names()).toEqual(shown);
  const command = shown.includes("lan") ? "disconnect" : "connect";
  await d.must("network", command, "lan", "victim");
}

const connectionPoints: readonly KillPoint[] = [
  "networks.connect.connected",
  "networks.connect.published",
  "networks.connect.recorded",
  "networks.disconnect.published",
  "networks.disconnect.disconnected",
  "networks.disconnect.recorded",
  "containers.connection.recorded",
].flatMap((point) =>
  (["connect", "disconnect"] as const)
    .filter((verb) => point.startsWith(`networks.${verb}.`) || point.startsWith("containers."))
    .map((verb) => ({
      point,
      before: [
        ["network", "create", "lan"],
        sleeper,
        ...(verb === "connect" ? [] : [["network", "connect", "lan", "victim"]]),
      ],
      command: ["network", verb, "lan", "victim"],
      states: ["running"],
      holds: networksAgree,
    })),
);

describe("hardening 157: kill -9 at", () => {
  test.each(
    inRounds(
      [...points, ...connectionPoints].map(
        (each) => [`${each.point} of ${each.command.slice(0, 2).join(" ")}`, each] as const,
      ),
    ),
  )(
    "%s leaves each object old or new and the ledger clean",
    async (_title, { point, before = [], command, states, holds }) => {
      const d = daemon();
      for (const each of before) expect((await d.dhow(...each)).stderr).toBe("");
      await dieAt(d, point, command);
      const state = await inspect(d, "{{.State.Status}}");
      expect(states).toContain(state);
      await holds?.(d, state);
      // The victim works as one in its state does, and goes without a trace.
      if (state === "running") expect((await d.dhow("exec", "victim", "echo", "ok")).stdout).toBe("ok\n");
      else if (state !== "") expect((await d.dhow("start", "victim")).stderr).toBe("");
      if (state !== "") expect((await d.dhow("rm", "-f", "-v", "victim")).code).toBe(0);
      await d.dhow("rm", "-f", "former");
      await d.dhow("network", "rm", "lan");
      await expectNothingLeft(d);
    },
  );

  const volumePoints = [
    ["volumes.create.made", ["volume", "create", "data"], ["", "data"]],
    ["volumes.create.recorded", ["volume", "create", "data"], ["data"]],
    ["volumes.remove.recorded", ["volume", "rm", "data"], [""]],
    ["volumes.remove.discarded", ["volume", "rm", "data"], [""]],
    ["volumes.remove.recorded", ["volume", "prune", "-af"], [""]],
    ["volumes.remove.discarded", ["volume", "prune", "-af"], [""]],
  ] as const;
  test.each(inRounds(volumePoints.map((each) => [`${each[0]} of ${each[1].slice(0, 2).join(" ")}`, each] as const)))(
    "%s leaves the volume old or new",
    async (_title, [point, command, outcomes]) => {
      const d = daemon();
      if (command[1] !== "create") {
        await d.dhow("volume", "create", "data");
        await d.dhow("run", "--rm", "-v", "data:/d", "busybox", "touch", "/d/file");
      }
      await dieAt(d, point, command);
      expect(outcomes as readonly string[]).toContain((await d.dhow("volume", "ls", "-q")).stdout.trim());
      expect((await d.dhow("volume", "create", "data")).stdout).toBe("data\n");
      // Data of a volume that was removed does not come back with its name.
      expect((await d.dhow("run", "--rm", "-v", "data:/d", "busybox", "ls", "/d")).stdout).toBe("");
      expect((await d.dhow("volume", "rm", "data")).code).toBe(0);
      await expectNothingLeft(d);
    },
  );

  test.each(inRounds([["volumes.mount.mounted of run", "volumes.mount.mounted"]]))(
    "%s leaves no mount of a volume with a driver's options",
    async (_title, point) => {
      const d = daemon();
      await d.dhow("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "data");
      await dieAt(d, point, ["run", "-d", "--name", "victim", "-v", "data:/d", "busybox", "sleep", "600"]);
      expect(startStates).toContain(await inspect(d, "{{.State.Status}}"));
      await d.dhow("rm", "-f", "victim");
      expect((await d.dhow("volume", "rm", "data")).code).toBe(0);
      await expectNothingLeft(d);
    },
  );

  test("the recovery from a kill, again and again, changes nothing about its outcome", async () => {
    const d = daemon();
    d.arm("containers.exit.released=kill");
    await d.dhow("run", "--rm", "--name", "victim", "-v", "/data", "busybox", "true");
    await d.died();
    for (const point of ["containers.exit.recorded", "containers.remove.intended", "containers.remove.discarded"]) {
      d.arm(`${point}=kill`);
      await d.start().catch(() => {});
      await d.died();
    }
    await startInTime(d);
    expect(await inspect(d, "{{.State.Status}}")).toBe("");
    await expectNothingLeft(d);
  });
});
