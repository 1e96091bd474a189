import type { Socket } from "node:net";

/** How long a client may take to close its half after ours is closed. */
const lingerMs = 2_000;

/**
 * Sends our end and reads on, so that what the client still sends does not cost it our last words; closes when the client has
 * closed its half too, at the latest after {@link lingerMs}.
 */
export function lingerThenDestroy(socket: Socket): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.on("close", () => clearTimeout(timer));
  socket.on("end", () => socket.destroy());
  socket.resume();
  socket.end(() => {
    if (socket.readableEnded) socket.destroy();
  });
}
