/** Small files that users name, read whole; special ones (`/dev/null`, a pipe of the shell's) are read like any other. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EEXIST: "file exists",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
};

/** The reason of a failed file operation in the system's own words. */
export function errnoWords(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** A file that could not be read; the message is `open PATH: reason` or `read PATH: reason`. */
export class FileError extends Error {
  override readonly name = "FileError";
  readonly operation: "open" | "read";

  constructor(operation: "open" | "read", path: string, cause: unknown) {
    super(`${operation} ${path}: ${errnoWords(cause)}`, { cause });
    this.operation = operation;
  }
}

/** The text of a file; throws {@link FileError}. */
export const readTextFile = async (path: string): Promise<string> => (await readBytes(path)).toString("utf8");

/** The bytes of a file; throws {@link FileError}. */
export async function readBytes(path: string): Promise<Buffer> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new FileError("open", path, cause);
  });
  try {
    return await file.readFile();
  } catch (cause) {
    throw new FileError("read", path, cause);
  } finally {
    await file.close();
  }
}
