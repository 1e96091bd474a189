/** Builds whose engine is killed at each durable step: the next one finds nothing of them, and builds the same again (hardening 67, 157). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness } from "../harness/command.ts";
import { dieAt, inRounds } from "../harness/crash.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

// Clients that could build over BuildKit's protocol are to use `POST /build` here.
process.env.DOCKER_BUILDKIT = "0";

const daemon = withDaemon({ failPoints: "" });
const root = mkdtempSync(join(tmpdir(), "dhow-build-crash-"));
afterAll(() => rmSync(root, { recursive: true }));
let clean: Ledger;
beforeAll(async () => {
  writeFileSync(
    join(root, "Dockerfile"),
    "FROM busybox AS base\nRUN echo below > /below\nFROM busybox\n" +
      "RUN --mount=target=/context,rw --mount=from=base,target=/base,rw " +
      "echo changed > /context/f && echo changed > /base/below && cat /context/f /base/below > /out\nCOPY f /f\n",
  );
  writeFileSync(join(root, "f"), "first");
  clean = await settledLedger(daemon());
});

test.each(
  inRounds(
    [
      "builder.run.writable",
      "builder.run.started",
      "builder.step.stored",
      "snapshots.layer.adopted",
      "snapshots.layer.publish",
      "builder.step.applied",
      "images.built.stored",
    ].map((point) => [point, point] as const),
  ),
)(
  "kill -9 at %s leaves nothing",
  async (_title, point) => {
    const d = daemon();
    await dieAt(d, point, ["build", "-t", "victim", root]);
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
