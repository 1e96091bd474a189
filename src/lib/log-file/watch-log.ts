import { dirname } from "node:path";
import { IN_CREATE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, type Watch, watch } from "../../linux/inotify.ts";
import { isErrno } from "../../linux/syscall-error.ts";

/** How often a log is looked at where the kernel has no watch left to give. */
const pollMs = 100;

export interface LogWatcher extends Disposable {
  changed(): Promise<void>;
  wake(): void;
}

/** Watches the log's directory, because the file may be renamed away or not exist yet. */
export function watchLog(path: string): LogWatcher {
  const inotify = tryWatch(dirname(path));
  let woken = Promise.withResolvers<void>();
  return {
    changed: async () => {
      const timer = inotify ? null : setTimeout(() => woken.resolve(), pollMs);
      await Promise.race([inotify?.changed() ?? woken.promise, woken.promise]);
      if (timer) clearTimeout(timer);
      woken = Promise.withResolvers<void>();
    },
    wake: () => woken.resolve(),
    [Symbol.dispose]: () => inotify?.[Symbol.dispose](),
  };
}

/** `null` at the limits of inotify(7): max_user_instances is 128 on many hosts. */
function tryWatch(directory: string): Watch | null {
  try {
    return watch(directory, IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO);
  } catch (error) {
    if (isErrno(error, "EMFILE", "ENOSPC")) return null;
    throw error;
  }
}
