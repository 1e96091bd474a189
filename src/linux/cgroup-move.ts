import { open, write } from "node:fs";
import { controllerDirectory } from "./cgroup.ts";

/** How long after a move the next one is free of the wait; seen: 10 to 15 ms. */
const warmMs = 8;

/** Our own cgroup's `cgroup.procs`, held open: one hop to the thread pool less. -1 before it is asked for, or when there is none. */
let procs = -1;
let asked = false;
let warmUntil = 0;

/**
 * Makes the moves of processes between cgroups cheap for the next moment. The first such move waits for an RCU grace
 * period (6 to 13 ms: `cgroup_threadgroup_rwsem` goes from its readers to a writer), one that follows within ten
 * milliseconds does not. Called when a start is likely soon, so that the wait passes beside the work before it; this
 * process is moved to the cgroup that it is in, which changes nothing else. Never throws and never blocks.
 */
export function expectCgroupMove(): void {
  const now = performance.now();
  if (now < warmUntil) return;
  warmUntil = now + warmMs;
  if (procs !== -1) move();
  else if (!asked) openAndMove();
}

function openAndMove(): void {
  asked = true;
  const directory = controllerDirectory(process.pid, "pids") ?? controllerDirectory(process.pid, "");
  if (directory === null) return;
  open(`${directory}/cgroup.procs`, "w", (error, fd) => {
    if (error) return;
    procs = fd;
    move();
  });
}

/** `0` is whoever writes. */
function move(): void {
  write(procs, "0", (error) => {
    if (!error) warmUntil = performance.now() + warmMs;
  });
}
