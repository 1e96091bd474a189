/** Containers that end at once and are started again by their policy, for a while. */
import type { TestDaemon } from "../../test/harness/daemon.ts";

const count = 20;

export async function storm(daemon: TestDaemon, seconds: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `storm-${index}`);
  for (const name of names) {
    // A run of ten seconds and more sets the rest before the next one back; "false" is at rest most of the time.
    await daemon.must("run", "-d", "--name", name, "--restart", "always", "busybox", "false");
  }
  const end = Date.now() + seconds * 1000;
  let restarts = 0;
  while (Date.now() < end) {
    await Bun.sleep(1000);
    // A user who starts them by hand takes the growing rest away.
    for (const name of names) {
      restarts += Number((await daemon.must("inspect", "-f", "{{.RestartCount}}", name)).trim());
      await daemon.must("restart", "-t", "0", name);
    }
  }
  console.log(`${restarts} restarts by policy of ${count} containers in ${seconds} s`);
  await daemon.must("rm", "-f", ...names);
}
