import { fileURLToPath } from "node:url";

/** True inside the compiled binary, false under `bun src/main.ts`. */
const compiled = import.meta.url.startsWith("file:///$bunfs/");

/** The argument vector that runs this very program again with `args`: how roles and helpers are started. */
export function selfCommand(...args: string[]): string[] {
  if (compiled) return [process.execPath, ...args];
  return [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url)), ...args];
}
