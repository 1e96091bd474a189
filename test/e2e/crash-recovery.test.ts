/** Hardening, row 157: whoever recovers from a kill is killed as well, at each of its commits in turn, and leaves as little. */
import { beforeAll, expect, test } from "bun:test";
import { inRounds, startInTime } from "../harness/crash.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
let clean: Ledger;
beforeAll(async () => {
  clean = await settledLedger(daemon());
});

const sleeper = ["run", "-d", "--name", "victim", "-p", "127.0.0.1::80", "-v", "/data", "busybox", "sleep", "600"];
const filled = ["create", "--name", "victim", "-v", "/etc", "busybox", "sleep", "600"];
/** First death, what dies there after what, and the states that the container may be in at the end. */
const deaths: readonly (readonly [string, readonly (readonly string[])[], readonly string[]])[] = [
  ["containers.create.recorded", [filled], ["", "created"]],
  ["volumes.populate.marked", [filled], ["", "created"]],
  ["networks.attach.attached", [sleeper], ["created", "exited"]],
  ["containers.start.process", [sleeper], ["running"]],
  ["networks.connect.recorded", [sleeper, ["network", "connect", "lan", "victim"]], ["running"]],
  [
    "networks.disconnect.disconnected",
    [sleeper, ["network", "connect", "lan", "victim"], ["network", "disconnect", "lan", "victim"]],
    ["running"],
  ],
  ["containers.pause.frozen", [sleeper, ["pause", "victim"]], ["running"]],
  ["containers.exec.started", [sleeper, ["exec", "-d", "victim", "sleep", "1"]], ["running"]],
  ["containers.exit.released", [sleeper, ["stop", "-t", "0", "victim"]], ["exited"]],
  ["containers.remove.discarded", [filled, ["rm", "-v", "victim"]], [""]],
  ["containers.exit.recorded", [["run", "--rm", "--name", "victim", "-v", "/data", "busybox", "true"]], [""]],
];

const state = async (d: TestDaemon) =>
  (await d.dhow("inspect", "--type", "container", "-f", "{{.State.Status}}", "victim")).stdout.trim();

test.each(inRounds(deaths.map((each) => [each[0], each] as const)))(
  "hardening 157: recovery from a kill at %s, killed at every commit, comes to the same end",
  async (_title, [point, commands, states]) => {
    const d = daemon();
    await d.must("network", "create", "lan");
    const last = commands.at(-1) ?? [];
    for (const command of commands.slice(0, -1)) await d.must(...command);
    d.arm(`${point}=kill`);
    await d.dhow(...last);
    await d.died();
    let killed = 0;
    for (let nth = 1; nth <= 4; nth++) {
      d.arm(`${nth % 2 === 0 ? "state.commit" : "state.committed"}=kill@${nth}`);
      const survived = await d.start().then(
        () => true,
        () => false,
      );
      // One that came through dies of old age.
      d.arm("");
      if (survived) await d.kill9();
      else killed++;
      await d.died();
    }
    expect(killed).toBeGreaterThan(0);
    await startInTime(d);
    const found = await state(d);
    expect(states).toContain(found);
    if (found !== "" && found !== "running") await d.must("start", "victim");
    if (found !== "") {
      expect(await d.must("exec", "victim", "echo", "ok")).toBe("ok\n");
      await d.must("rm", "-f", "-v", "victim");
    }
    await d.must("network", "rm", "lan");
    expect(await d.must("ps", "-aq")).toBe("");
    expect(await d.must("volume", "ls", "-q")).toBe("");
    await expectLedger(d, clean, { fds: false });
  },
  60_000,
);
