/** `--cidfile`: made before the container, so that what cannot be written is known in time. */
import { errnoWords } from "../text-file.ts";

/** An open file for an ID. Disposed without an ID it is removed again. */
export class CidFile implements AsyncDisposable {
  readonly #path: string;
  #written = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes the file; null when no path is given. Throws when something is there already. */
  static async open(path: string): Promise<CidFile | null> {
    if (path === "") return null;
    const { stat, writeFile } = await import("node:fs/promises");
    if (await stat(path).catch(() => null)) {
      throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
    }
    try {
      await writeFile(path, "", { flag: "wx" });
    } catch (error) {
      throw new Error(`failed to create the container ID file: open ${path}: ${errnoWords(error)}`);
    }
    return new CidFile(path);
  }

  async write(id: string): Promise<void> {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(this.#path, id);
    this.#written = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#written) return;
    const { rm } = await import("node:fs/promises");
    await rm(this.#path, { force: true });
  }
}
