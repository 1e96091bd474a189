/** Where Compose files of other machines are kept: Docker's folder, so that both tools mean the same files by the same paths. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export function cacheFolder(): string {
  const { XDG_CACHE_HOME: base = join(process.env.HOME || homedir(), ".cache") } = process.env;
  return join(base, "docker-compose");
}

/**
 * The kept folder of that name (a digest or commit, which says what is in it), after `fill` has made it where there is none. It
 * is there whole or not at all.
 */
export async function keptFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const cache = cacheFolder();
  const kept = join(cache, name);
  if (existsSync(kept)) return kept;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const made = mkdtempSync(join(cache, ".new-"));
  try {
    await fill(made);
    try {
      renameSync(made, kept);
    } catch (error) {
      // Somebody else was quicker.
      if (!existsSync(kept)) throw error;
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return kept;
}
