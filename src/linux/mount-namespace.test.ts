import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { cloneMount } from "./mount-namespace.ts";
import { startTimeOf } from "./process.ts";

test("cloneMount() comes back though threads begin meanwhile, and its own thread only ever was away", async () => {
  const child = Bun.spawn(["unshare", "--mount", "sh", "-c", "echo; exec sleep 60"], { stdout: "pipe" });
  const workers: Worker[] = [];
  try {
    await child.stdout.getReader().read();
    const home = readlinkSync("/proc/thread-self/ns/mnt");
    const table = cloneMount(child.pid, startTimeOf(child.pid) ?? "", (mounts) => {
      expect(mounts.some(({ point }) => point === "/")).toBe(true);
      workers.push(new Worker("data:text/javascript,setTimeout(()=>{},60000)"));
      return null;
    });
    expect(table).toBeNull();
    for (const thread of new Bun.Glob("*/ns/mnt").scanSync({ cwd: "/proc/self/task", onlyFiles: false }))
      expect(readlinkSync(`/proc/self/task/${thread}`)).toBe(home);
  } finally {
    for (const worker of workers) worker.terminate();
    child.kill(9);
    await child.exited;
  }
});
