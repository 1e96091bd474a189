import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type FileLock, tryLock } from "../linux/flock.ts";

const lockName = "dhow.lock";

/**
 * Takes both roots for this process until it ends, however it ends. Throws when another engine has one of them, or when the
 * data root holds somebody else's data.
 */
export function takeRoots(dataRoot: string, execRoot: string): Disposable {
  if (existsSync(dataRoot) && !existsSync(join(dataRoot, lockName))) {
    const foreign = readdirSync(dataRoot).filter((name) => name !== "lost+found");
    if (foreign.length > 0) {
      throw new Error(`data root ${dataRoot} is not empty and not dhow's (it holds ${foreign.slice(0, 3).join(", ")})`);
    }
  }
  const stack = new DisposableStack();
  for (const root of [dataRoot, execRoot]) {
    mkdirSync(root, { recursive: true, mode: 0o710 });
    const lock: FileLock | null = tryLock(join(root, lockName));
    if (!lock) {
      stack.dispose();
      throw new Error(`${root} is in use by another daemon`);
    }
    stack.use(lock);
  }
  return stack;
}
