/** The journal of events, through both clients and over the daemon's death. */
import { describe, expect, test } from "bun:test";
import { appendFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const must = (...args: string[]) => daemon().must(...args);

/** The stock client takes `0s` for the beginning of this second. */
const now = (): string => (Date.now() / 1000).toFixed(3);

describe.each([...clients])("%s events", (client) => {
  const past = async (...flags: string[]) => {
    const query = ["events", "--since", "0", "--until", now(), "--format", "{{.Type}} {{.Action}}"];
    const { stdout, stderr } = await daemon().run(client, ...query, ...flags);
    expect(stderr).toBe("");
    return stdout.trim() === "" ? [] : stdout.trim().split("\n");
  };

  test("cp tells that volumes are mounted and unmounted, as dockerd", async () => {
    const name = `copied-${client}`;
    await must("create", "--name", name, "-v", `${name}:/data`, "busybox", "true");
    const file = join(daemon().root, `copied-${client}`);
    writeFileSync(file, "x");
    await must("cp", file, `${name}:/tmp/x`);
    await must("cp", `${name}:/tmp/x`, `${file}-back`);
    const of = ["--filter", "type=volume", "--filter", `volume=${name}`];
    const pair = ["volume mount", "volume unmount"];
    expect(await past(...of)).toEqual(["volume create", ...pair, ...pair, ...pair]);
    await must("rm", name);
    await must("volume", "rm", name);
  });

  test("what was told is told again after kill -9, each event once and in order", async () => {
    const name = `killed-${client}`;
    await must("run", "--name", name, "busybox", "true");
    await must("rename", name, `${name}-b`);
    const of = ["--filter", "type=container", "--filter", `container=${name}`];
    const before = await past(...of);
    expect(before).toEqual(["create", "attach", "start", "die", "rename"].map((action) => `container ${action}`));
    await Bun.sleep(300);
    await daemon().kill9();
    await daemon().start();
    expect(await past(...of)).toEqual(before);
    await must("rm", `${name}-b`);
    expect(await past(...of)).toEqual([...before, "container destroy"]);
    const times = (
      await daemon().run(client, "events", "--since", "0", "--until", now(), "--format", "{{.TimeNano}}")
    ).stdout
      .trim()
      .split("\n")
      .map(BigInt);
    expect(times.every((time, i) => i === 0 || time > (times[i - 1] ?? 0n))).toBe(true);
  });

  test("a torn tail and damaged lines spoil nothing else", async () => {
    const directory = join(daemon().root, "data", "events");
    await must("volume", "create", `torn-${client}`);
    await daemon().terminate();
    const [last = ""] = readdirSync(directory).sort().reverse();
    appendFileSync(join(directory, last), 'ffffffff {"Type":"volume"}\n\0\0\0\0\n12345678 {"Ty');
    await daemon().start();
    await must("volume", "rm", `torn-${client}`);
    const of = ["--filter", `volume=torn-${client}`];
    expect(await past(...of)).toEqual(["volume create", "volume destroy"]);
  });

  test("image events carry the image's labels, and an import tells its name", async () => {
    await must("create", "--name", `lab-${client}`, "busybox", "true");
    await must("commit", "-c", "LABEL made=here", `lab-${client}`, `labelled-${client}:1`);
    await must("tag", `labelled-${client}:1`, `labelled-${client}:2`);
    const actions = await past("--filter", "type=image", "--filter", "label=made=here");
    expect(actions.slice(-3)).toEqual(["image create", "image tag", "image tag"]);
    await must("rm", `lab-${client}`);
    await must("rmi", `labelled-${client}:1`, `labelled-${client}:2`);
  });

  test("refuses an end before the beginning in dockerd's words", async () => {
    const { code, stderr } = await daemon().run(client, "events", "--since", "200", "--until", "100");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("`since` time (200) cannot be after `until` time (100)"),
    ]);
  });
});

test("an inspect that asks at the end which a restart makes is told that the container runs, as Compose needs it", async () => {
  await must("run", "-d", "--init", "--name", "again", "busybox", "sleep", "1000");
  const filters = encodeURIComponent(JSON.stringify({ container: ["again"], event: ["die"] }));
  const { body } = await fetch(`http://d/events?filters=${filters}`, { unix: daemon().socket });
  const died = body?.getReader().read();
  const restarted = must("restart", "-t", "5", "again");
  await died;
  const { body: found } = await daemon().api<{ State: { Running: boolean } }>("GET", "/containers/again/json");
  expect(found.State.Running).toBe(true);
  await restarted;
  await must("rm", "-f", "again");
});

test("who hears of an end can ask after the container though it is being removed, as Compose needs it", async () => {
  await must("run", "-d", "--init", "--name", "asked", "busybox", "sleep", "1000");
  const filters = encodeURIComponent(JSON.stringify({ container: ["asked"], event: ["die"] }));
  const { body } = await fetch(`http://d/events?filters=${filters}`, { unix: daemon().socket });
  const reader = body?.getReader();
  const died = reader?.read();
  const removed = must("rm", "-f", "asked");
  await died;
  expect((await daemon().api("GET", "/containers/asked/json")).status).toBe(200);
  await removed;
  expect((await daemon().api("GET", "/containers/asked/json")).status).toBe(404);
  await reader?.cancel();
});
