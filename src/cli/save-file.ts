/** Archives that come from the daemon: to a file, whole or not at all, or to standard output that is no terminal. */
import { messageOf } from "../lib/errors.ts";
import { isTerminal } from "../lib/terminal.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";

/** Writes what `open` streams to `path`, or to standard output when it is ""; `what` is told of a path that cannot be. */
export async function writeBody(
  cli: Cli,
  { path, what }: { path: string; what: string },
  open: () => Promise<{ body: AsyncGenerator<Uint8Array, void> }>,
): Promise<void> {
  if (path === "") {
    if (isTerminal(1)) throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    const { body } = await open();
    for await (const bytes of body) await cli.stdout.bytes(bytes);
    return;
  }
  const { open: openFile, rename, unlink } = await import("node:fs/promises");
  try {
    await checkOutputPath(path);
  } catch (error) {
    throw new ExitError(1, `failed to ${what}: ${messageOf(error)}`);
  }
  const { body } = await open();
  const temporary = `${path}.${process.pid}.partial`;
  const file = await openFile(temporary, "w", 0o600);
  try {
    for await (const bytes of body) await file.writeFile(bytes);
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Refuses a directory that is not there, and a path that a file cannot take the place of, in Docker's words. */
export async function checkOutputPath(path: string): Promise<void> {
  const { stat } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const directory = dirname(path);
  try {
    await stat(directory);
  } catch {
    throw new Error(`invalid output path: stat ${directory}: no such file or directory`);
  }
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new Error("cannot write to a directory");
  if (found?.isCharacterDevice()) throw new Error("cannot write to a character device file");
  if (found?.isBlockDevice()) throw new Error("cannot write to a block device file");
}
