/** Bytes to send to the daemon: a file, or standard input for `-`. */

/** Opens `path`; throws in Docker's words when it cannot be read. */
export async function openInput(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === "-") return Bun.stdin.stream();
  const { open } = await import("node:fs/promises");
  try {
    const file = await open(path, "r");
    return file.createReadStream({ highWaterMark: 1 << 18 });
  } catch (error) {
    const code = (error as { code?: string }).code;
    const reason =
      code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : String(error);
    throw new Error(`open ${path}: ${reason}`);
  }
}
