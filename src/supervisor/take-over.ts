/** How a new supervisor takes a process over from one that died. */
import { closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LogLoss } from "../lib/log-file/writer.ts";
import { cgroupsOf } from "../linux/cgroup.ts";
import { pidfdOpenIdentified } from "../linux/pidfd.ts";
import { startTimeOf } from "../linux/process.ts";
import type { ProcessRecord, Records, StartedRecord } from "./records.ts";
import { reopenEnds, Supervised } from "./supervised.ts";

/** The process of a record, running or with the exit that was saved; `null` when its start never came to a process. */
export function takeOver(
  records: Records,
  key: string,
  record: ProcessRecord,
  onLogLoss: (loss: LogLoss) => void,
): Supervised | null {
  const directory = records.directory(key);
  const started = records.readStarted(key) ?? readUnfinishedStart(directory);
  if (!started) return null;
  const exit = records.exitOf(key, started.startTime);
  const pidfd = exit ? null : pidfdOpenIdentified(started.pid, started.startTime, closeSync);
  const options = { key, directory, record, started, pidfd: pidfd ?? -1, ownChild: false, subscribers: [], onLogLoss };
  const process = new Supervised({ ...options, ends: reopenEnds(directory, -1) });
  process.exit = exit;
  return process;
}

/** A process whose start outlived the supervisor that asked for it: the runtime wrote its pid. */
export function readUnfinishedStart(directory: string): StartedRecord | null {
  let pid: number;
  try {
    pid = Number(readFileSync(join(directory, "pid"), "utf8"));
  } catch {
    return null;
  }
  const startTime = pid > 0 ? startTimeOf(pid) : null;
  return startTime === null ? null : { pid, startTime, cgroups: cgroupsOf(pid) };
}
