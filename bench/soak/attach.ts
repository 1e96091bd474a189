/** Clients of one container that come and go: attaches that are dropped, and execs with a session. */
import { cycleAttaches } from "../../test/harness/attach-cycles.ts";
import type { TestDaemon } from "../../test/harness/daemon.ts";

export async function attach(daemon: TestDaemon, cycles: number): Promise<void> {
  await daemon.must(
    "run",
    "-d",
    "-i",
    "--name",
    "busy",
    "busybox",
    "sh",
    "-c",
    "while :; do echo tick; sleep 0.1; done",
  );
  const from = performance.now();
  await cycleAttaches(daemon, "busy", cycles);
  const took = (performance.now() - from) / 1000;
  console.log(`${cycles} attaches and detaches in ${took.toFixed(1)} s`);
  await daemon.must("exec", "busy", "true");
  await daemon.must("rm", "-f", "busy");
}
