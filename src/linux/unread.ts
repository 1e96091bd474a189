/** How much of what was sent the peer has not taken yet (unix(7), SIOCOUTQ). */
import type { Socket } from "node:net";
import { pause } from "../lib/pause.ts";
import { FFIType, fixedBuffer, openLibc, ptr } from "./libc.ts";

const libc = openLibc({ ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 } });

const SIOCOUTQ = 0x5411;
const answer = fixedBuffer(4);

/** Of a unix socket what its peer has not read; of a TCP one what the peer's kernel has not. 0 where nobody can tell. */
function unread(fd: number): number {
  return libc.ioctl(fd, SIOCOUTQ, ptr(answer)) === 0 ? answer.readInt32LE() : 0;
}

const firstLookMs = 1;
const longestLookMs = 20;

/** Waits until the peer has taken what was written so far, `patienceMs` at most. */
export async function taken(socket: Socket, patienceMs: number): Promise<void> {
  const descriptor = () =>
    (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  socket.once("close", leave);
  try {
    const deadline = performance.now() + patienceMs;
    for (let look = firstLookMs; performance.now() < deadline; look = Math.min(longestLookMs, look * 2)) {
      const fd = descriptor();
      if (gone.signal.aborted || fd < 0 || (socket.writableLength === 0 && unread(fd) === 0)) return;
      await pause(look, gone.signal);
    }
  } finally {
    socket.off("close", leave);
  }
}
