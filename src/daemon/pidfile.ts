import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes our pid; throws when the file names another process that lives. Disposing removes the file. */
export function writePidfile(path: string): Disposable {
  const other = readPidfile(path);
  if (other !== undefined && other !== process.pid && isAlive(other)) {
    throw new Error(
      `failed to start daemon, ensure docker is not running or delete ${path}: process with PID ${other} is still running`,
    );
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${process.pid}`);
  return {
    [Symbol.dispose]() {
      if (readPidfile(path) === process.pid) rmSync(path, { force: true });
    },
  };
}

/** One that nobody has waited for yet is dead all the same. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** The pid in the file, or undefined. */
export function readPidfile(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
