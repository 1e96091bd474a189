/** A build whose client is gone ends, and leaves nothing: the fixture's ledger counts. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const context = mkdtempSync(join(tmpdir(), "dhow-build-cancel-"));
afterAll(() => rmSync(context, { recursive: true }));

test.each([
  ["over BuildKit's protocol", "1"],
  ["over POST /build", "0"],
])("a client that is killed %s takes its build along", async (_, buildkit) => {
  const sleep = `sleep ${200_000 + process.pid}`;
  const isRunning = async (): Promise<boolean> => (await run(["pgrep", "-f", `^${sleep}$`])).code === 0;
  writeFileSync(join(context, "Dockerfile"), `FROM busybox\nRUN echo begun; ${sleep}\n`);
  const child = Bun.spawn([dhowBinary, "-H", `unix://${daemon().socket}`, "build", context], {
    env: { ...process.env, DOCKER_BUILDKIT: buildkit },
    stdout: "ignore",
    stderr: "ignore",
  });
  await until("the step runs", isRunning);
  child.kill("SIGKILL");
  await child.exited;
  await until("the step is gone", async () => !(await isRunning()));
  // The same build is free to be begun again, and nothing of the first is taken for its result.
  writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN echo begun; true\n");
  const again = await daemon().dhow("build", "-q", context);
  expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: "" });
});
