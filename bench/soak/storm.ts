/** Containers that end at once and are started again by their policy, for a while. */
import type { TestDaemon } from "../../test/harness/daemon.ts";

const count = 20;
/** The rest before a restart doubles from 100 ms on: new containers after so long keep it a storm. */
const roundMs = 3000;

export async function storm(daemon: TestDaemon, seconds: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `storm-${index}`);
  const end = Date.now() + seconds * 1000;
  let restarts = 0;
  while (Date.now() < end) {
    const run = (name: string) => daemon.must("run", "-d", "--name", name, "--restart", "always", "busybox", "false");
    for (const name of names) await run(name);
    await Bun.sleep(roundMs);
    const counts = await daemon.must("inspect", "-f", "{{.RestartCount}}", ...names);
    restarts += counts
      .trim()
      .split("\n")
      .map(Number)
      .reduce((sum, each) => sum + each, 0);
    await daemon.must("rm", "-f", ...names);
  }
  console.log(`${restarts} restarts by policy of ${count} containers at a time in ${seconds} s`);
}
