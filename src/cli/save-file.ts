/** Archives that come from the daemon: to a file, whole or not at all, or to standard output that is no terminal. */
import { isTerminal } from "../lib/terminal.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";

/** Writes what `open` streams to `path`, or to standard output when it is "". */
export async function writeBody(
  cli: Cli,
  path: string,
  open: () => Promise<{ body: AsyncGenerator<Uint8Array, void> }>,
): Promise<void> {
  if (path === "") {
    if (isTerminal(1)) throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    const { body } = await open();
    for await (const bytes of body) {
      await cli.stdout.bytes(bytes);
      if (cli.stdout.broken) return;
    }
    return;
  }
  const { open: openFile, rename, unlink } = await import("node:fs/promises");
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
