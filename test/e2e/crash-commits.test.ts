/**
 * Hardening, row 157: the daemon is killed around every commit of a scenario that uses most verbs. What was acknowledged
 * stands, and what was under way is as before or as after it: both are known from a run without a kill.
 */
import { beforeAll, expect, test } from "bun:test";
import { crashRounds, startInTime } from "../harness/crash.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const scenario: readonly (readonly string[])[] = [
  ["volume", "create", "--label", "kept=yes", "data"],
  ["network", "create", "lan"],
  ["create", "--name", "victim", "--network", "lan", "-p", "127.0.0.1::80", "-v", "data:/d", "busybox", "sleep", "600"],
  ["start", "victim"],
  ["exec", "victim", "touch", "/d/file"],
  ["network", "connect", "bridge", "victim"],
  ["network", "disconnect", "bridge", "victim"],
  ["update", "-m", "64m", "--memory-swap", "64m", "victim"],
  ["pause", "victim"],
  ["unpause", "victim"],
  ["rename", "victim", "other"],
  ["tag", "busybox", "busybox:two"],
  ["commit", "other", "committed"],
  ["rmi", "committed"],
  ["rmi", "busybox:two"],
  ["restart", "-t", "0", "other"],
  ["stop", "-t", "0", "other"],
  ["rm", "other"],
  ["network", "rm", "lan"],
  ["volume", "rm", "data"],
];

const daemon = withDaemon({ failPoints: "" });
let clean: Ledger;
/** What {@link observe} gives before the scenario and after each of its commands. */
const course: string[] = [];
/** States that a container passes through inside one command, and that count as on the way. */
const passing: Readonly<Record<string, readonly string[]>> = {
  start: ["exited"],
  restart: ["exited"],
  rm: ["removing"],
};

async function observe(): Promise<string> {
  const ask = async (...args: string[]) => (await daemon().dhow(...args)).stdout.trim();
  const inspect = "{{.Name}} {{.State.Status}} {{.HostConfig.Memory}} {{json .NetworkSettings.Networks | len | lt 0}}";
  const all = (await ask("ps", "-aq")).split("\n").filter(Boolean);
  return JSON.stringify({
    containers: all.length === 0 ? "" : await ask("inspect", "-f", inspect, ...all),
    images: (await ask("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n").sort(),
    networks: (await ask("network", "ls", "--format", "{{.Name}}")).split("\n").sort(),
    volumes: await ask("volume", "ls", "--format", "{{.Name}} {{.Labels}}"),
  });
}

async function cleanUp(): Promise<void> {
  const d = daemon();
  for (const name of ["victim", "other"]) await d.dhow("rm", "-f", name);
  await d.dhow("network", "rm", "lan");
  await d.dhow("volume", "rm", "-f", "data");
  await d.dhow("rmi", "committed");
  await d.dhow("rmi", "busybox:two");
  expect(await observe()).toBe(course[0] ?? "");
  await expectLedger(d, clean, { fds: false });
}

beforeAll(async () => {
  clean = await settledLedger(daemon());
  course.push(await observe());
  for (const command of scenario) {
    expect([command, (await daemon().dhow(...command)).stderr]).toEqual([command, ""]);
    course.push(await observe());
  }
}, 60_000);

/** Runs the scenario until the daemon dies; the place of the command that was under way, or null at its end. */
async function runUntilDeath(): Promise<number | null> {
  for (const [place, command] of scenario.entries()) {
    const { code } = await daemon().dhow(...command);
    if (code !== 0) return place;
  }
  return null;
}

/** Three rounds between them take every commit, from its inside and from its outside. */
test.each([...crashRounds])(
  "hardening 157: kill -9 around commits leaves every acknowledged command done and the last one done or not, round %d",
  async (round) => {
    const places = new Set<number>();
    for (let nth = 1 + ((round - 1) % 3); ; nth += 3) {
      const point = nth % 2 === Math.floor(round / 2) % 2 ? "state.commit" : "state.committed";
      const d = daemon();
      d.arm(`${point}=kill@${nth}`);
      const place = await runUntilDeath();
      d.arm("");
      if (place === null) break;
      places.add(place);
      await d.died();
      await startInTime(d);
      const [before = "", after = ""] = course.slice(place);
      const found = await observe();
      const [verb = ""] = scenario[place] ?? [];
      const allowed = [
        before,
        after,
        ...(passing[verb] ?? []).map((state) => before.replace(/ (running|created) /, ` ${state} `)),
      ];
      if (!allowed.includes(found))
        expect({ point, nth, command: scenario[place], found }).toEqual({
          point,
          nth,
          command: scenario[place],
          found: allowed.join("\nor "),
        });
      await cleanUp();
    }
    expect(places.size).toBeGreaterThan(8);
    await cleanUp();
  },
  300_000,
);
