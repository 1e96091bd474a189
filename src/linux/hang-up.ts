import type { Socket } from "node:net";
import { hasHungUp } from "./scm-rights.ts";

const checkMs = 1000;

/**
 * Calls `gone` when the peer of a half-closed unix socket has closed its other half too: at once where both came
 * together, within a second otherwise. A peer that vanishes looks to Bun 1.4.5 like one that half-closes, and nothing more is
 * told before there is output for it. Over TCP nobody can tell the two apart; the first output does.
 */
export function watchHangUp(socket: Socket, gone: () => void): void {
  const descriptor = () => (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  const fd = descriptor();
  if (fd === undefined || fd < 0) return;
  const tell = (): void => {
    clearInterval(timer);
    gone();
  };
  // A descriptor that is no longer the socket's may be somebody else's by now.
  const isGone = () => descriptor() !== fd || hasHungUp(fd);
  const timer = setInterval(() => isGone() && tell(), checkMs);
  socket.once("close", () => clearInterval(timer));
  if (isGone()) tell();
}
