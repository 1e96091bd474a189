/** Storage in a directory of the file system. */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { failPoint } from "../lib/fail-point.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { Appender, Storage } from "./storage.ts";

/** Where what is written is until it has its name: one place, so that what a death leaves of it is found. */
const partsPath = "docker/registry/v2/_parts";

export class FileStorage implements Storage {
  constructor(readonly root: string) {}

  read(path: string): Promise<Buffer | null> {
    return absent(readFile(this.#at(path)));
  }

  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    const target = this.#at(path);
    const part = this.#at(`${partsPath}/${randomBytes(12).toString("hex")}`);
    await Promise.all([makeDirectory(dirname(target)), makeDirectory(dirname(part))]);
    try {
      const file = await open(part, "wx", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      failPoint("registry.files.written");
      await renameInto(part, target);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    // Gone already where somebody has removed what was written.
    await absent(syncDirectory(dirname(target)));
  }

  async size(path: string): Promise<number | null> {
    const found = await absent(stat(this.#at(path)));
    return found?.isFile() ? found.size : null;
  }

  async modified(path: string): Promise<number | null> {
    return (await absent(stat(this.#at(path))))?.mtimeMs ?? null;
  }

  body(path: string, start: number, end: number): Blob {
    return Bun.file(this.#at(path)).slice(start, end);
  }

  async list(path: string): Promise<string[]> {
    return ((await absent(readdir(this.#at(path)))) ?? []).sort();
  }

  async remove(path: string): Promise<void> {
    await rm(this.#at(path), { recursive: true, force: true });
  }

  async prune(path: string): Promise<void> {
    try {
      await rmdir(this.#at(path));
    } catch (error) {
      if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR")) throw error;
    }
  }

  async move(from: string, to: string): Promise<void> {
    const target = this.#at(to);
    await makeDirectory(dirname(target));
    await rename(this.#at(from), target);
    failPoint("registry.files.moved");
    await syncDirectory(dirname(target));
  }

  async append(path: string): Promise<Appender> {
    const target = this.#at(path);
    await makeDirectory(dirname(target));
    const file = await open(target, "a", 0o600);
    return new FileAppender(file, (await file.stat()).size);
  }

  async sweep(time: number): Promise<void> {
    for (const name of await this.list(partsPath)) {
      const part = `${partsPath}/${name}`;
      if (((await this.modified(part)) ?? time) < time) await this.remove(part);
    }
  }

  #at(path: string): string {
    return join(this.root, path);
  }
}

class FileAppender implements Appender {
  readonly #file: FileHandle;
  #size: number;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at);
      at += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  seal(): Promise<void> {
    return this.#file.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Null instead of ENOENT; also where a part of the path is no directory. */
async function absent<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

/** How often something is tried beside a collection, which prunes directories at the same time. */
const mostAttempts = 5;

/** Gives a file its name in a directory that is made again when it has just been pruned. */
async function renameInto(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      if (attempt >= mostAttempts || !isErrno(error, "ENOENT")) throw error;
      await makeDirectory(dirname(to));
    }
  }
}

/** With all that is above it, each on disk once it is made. */
async function makeDirectory(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const first = await mkdir(path, { recursive: true, mode: 0o700 });
      if (first === undefined) return;
      for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
      return;
    } catch (error) {
      // EEXIST: it was there when it was made, and not any more when that was looked at.
      if (attempt >= mostAttempts || !isErrno(error, "EEXIST", "ENOENT")) throw error;
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
