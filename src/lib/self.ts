import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** True inside the compiled binary, false under `bun src/main.ts`. */
const compiled = import.meta.url.startsWith("file:///$bunfs/");

/** The argument vector that runs this very program again with `args`: how roles and helpers are started. */
export function selfCommand(...args: string[]): string[] {
  // An upgrade replaces the file under a running daemon; the kernel still leads to the old one.
  if (compiled) return [existsSync(process.execPath) ? process.execPath : "/proc/self/exe", ...args];
  return [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url)), ...args];
}
