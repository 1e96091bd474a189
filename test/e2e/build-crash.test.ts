/** Builds whose engine is killed at each durable step: the next one finds nothing of them, and builds the same again (hardening 67, 157). */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness } from "../harness/command.ts";
import { dieAt, inRounds, startInTime } from "../harness/crash.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
const root = mkdtempSync(join(tmpdir(), "dhow-build-crash-"));
afterAll(() => rmSync(root, { recursive: true }));
let clean: Ledger;
beforeAll(async () => {
  writeFileSync(
    join(root, "Dockerfile"),
    "FROM busybox AS base\nRUN echo below > /below\nFROM busybox\n" +
      "RUN --mount=target=/context,rw --mount=from=base,target=/base,rw --mount=type=secret,id=s " +
      "--mount=type=cache,id=c,target=/whole " +
      "echo changed > /context/f && echo changed > /base/below && cat /context/f /base/below > /out\nCOPY f /f\n",
  );
  writeFileSync(join(root, "f"), "first");
  clean = await settledLedger(daemon());
});

const points = [
  "builder.run.lent",
  "builder.run.writable",
  "builder.run.started",
  "builder.step.stored",
  "snapshots.layer.adopted",
  "snapshots.layer.publish",
  "builder.step.applied",
  "images.built.stored",
];
const classic = ["builder.run.started", "images.built.stored"];

afterEach(() => {
  delete process.env.DOCKER_BUILDKIT;
});

const deaths = [
  ...points.map((point) => ({ point, buildkit: "1" })),
  ...classic.map((point) => ({ point, buildkit: "0" })),
];

test.each(inRounds(deaths.map((death) => [`${death.point} (DOCKER_BUILDKIT=${death.buildkit})`, death] as const)))(
  "kill -9 at %s leaves nothing",
  async (_title, { point, buildkit }) => {
    const d = daemon();
    // Clients take it from the environment of this process.
    process.env.DOCKER_BUILDKIT = buildkit;
    const lent = buildkit === "1" ? ["--secret", `id=s,src=${join(root, "f")}`] : [];
    await dieAt(d, point, ["build", "-t", "victim", ...lent, root]);
    d.arm("");
    await expectLedger(d, clean, { fds: false });
    await d.must("build", "-q", "-t", "victim", root);
    expect(await d.must("run", "--rm", "victim", "cat", "/out", "/f")).toBe("changed\nchanged\nfirst");
    await d.must("rmi", "-f", "victim");
    await d.must("builder", "prune", "-af");
    await expectLedger(d, clean, { fds: false });
  },
  90_000 * slowness,
);

test(
  "a client whose daemon is killed during a step says so and ends",
  async () => {
    const d = daemon();
    const path = join(root, "long");
    mkdirSync(path);
    writeFileSync(join(path, "Dockerfile"), "FROM busybox\nRUN echo begun; sleep 100\n");
    const building = Bun.spawn([dhowBinary, "-H", `unix://${d.socket}`, "build", "--progress", "plain", path], {
      stderr: "pipe",
      stdout: "ignore",
    });
    const decoder = new TextDecoder();
    let shown = "";
    let killedAt = 0;
    for await (const bytes of building.stderr) {
      shown += decoder.decode(bytes, { stream: true });
      if (killedAt > 0 || !/#\d+ [\d.]+ begun/.test(shown)) continue;
      await d.kill9();
      killedAt = performance.now();
    }
    expect(await building.exited).toBe(1);
    expect(performance.now() - killedAt).toBeLessThan(5000 * slowness);
    expect(shown).toContain("ERROR: failed to build: the daemon went away: the connection was closed\n");
    await startInTime(d);
    await d.must("builder", "prune", "-af");
    await expectLedger(d, clean, { fds: false });
  },
  90_000 * slowness,
);
