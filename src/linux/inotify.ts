/** inotify(7), as much as following files needs. */
import { closeSync } from "node:fs";
import { check, cstring, FFIType, openLibc, ptr } from "./libc.ts";

const { i32, u32, ptr: pointer } = FFIType;
const libc = openLibc({
  inotify_init1: { args: [i32], returns: i32 },
  inotify_add_watch: { args: [i32, pointer, u32], returns: i32 },
});

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
export const IN_MODIFY = 0x2;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;

/** Changes under one path; several may be told as one. */
export interface Watch extends Disposable {
  /** Resolves at the next change since the last call (at once when there was one), or when disposed. */
  changed(): Promise<void>;
}

/** Watches a directory (its entries' changes) or a file. Throws SyscallError when the path is absent. */
export function watch(path: string, mask: number): Watch {
  const fd = check(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1");
  try {
    check(libc.inotify_add_watch(fd, ptr(cstring(path)), mask), "inotify_add_watch", path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const reader = Bun.file(fd).stream().getReader();
  let pending = false;
  let ended = false;
  let wake: (() => void) | null = null;
  const tell = (): void => {
    pending = true;
    wake?.();
    wake = null;
  };
  const pump = async (): Promise<void> => {
    while (!(await reader.read()).done) tell();
  };
  const pumping = pump()
    .catch(() => {})
    .finally(() => {
      ended = true;
      tell();
    });
  return {
    changed: async () => {
      if (!pending && !ended) await new Promise<void>((resolve) => (wake = resolve));
      pending = false;
    },
    [Symbol.dispose]: () => {
      ended = true;
      tell();
      void reader.cancel().catch(() => {});
      void pumping.then(() => closeSync(fd));
    },
  };
}
