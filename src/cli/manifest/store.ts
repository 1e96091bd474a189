/**
 * Manifest lists that are not pushed yet, in Docker's own layout, so that either client goes on with the other's list:
 *
 *     ~/.docker/manifests/<list>/<image>     one file for each image, references with "-" for ":" and "_" for "/"
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, notFound } from "../../lib/errors.ts";
import { formatReference, type Reference } from "../../lib/reference.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { type ImageManifest, parseStoredForm, storedForm } from "./image-manifest.ts";

const fileName = (reference: Reference): string => formatReference(reference).replaceAll(":", "-").replaceAll("/", "_");

export class ManifestStore {
  readonly #root: string;

  constructor(configDirectory: string) {
    this.#root = join(configDirectory, "manifests");
  }

  /** The images of a list in the order of their files; null when there is no such list. */
  async list(list: Reference): Promise<ImageManifest[] | null> {
    const directory = this.#directory(list);
    const names = await absent(readdir(directory));
    if (names === null) return null;
    const images = await Promise.all(names.sort().map((name) => read(join(directory, name))));
    return images.filter((image) => image !== null);
  }

  /** As {@link list}; throws `notFound` in Docker's words. */
  async existing(list: Reference): Promise<ImageManifest[]> {
    const images = await this.list(list);
    if (images === null) throw noSuchManifest(list);
    return images;
  }

  /** One image of a list; null when the list or the image in it is not there. */
  image(list: Reference, image: Reference): Promise<ImageManifest | null> {
    return read(join(this.#directory(list), fileName(image)));
  }

  /** Files an image of a list, which is made when absent. The file is there whole or not at all. */
  async save(list: Reference, image: Reference, manifest: ImageManifest): Promise<void> {
    const directory = this.#directory(list);
    await mkdir(directory, { recursive: true });
    // Not in the list's directory, where everything is one of its images.
    const part = join(this.#root, `.${process.pid}.part`);
    try {
      await writeFile(part, storedForm(manifest));
      await rename(part, join(directory, fileName(image)));
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async remove(list: Reference): Promise<void> {
    await rm(this.#directory(list), { recursive: true, force: true });
  }

  #directory(list: Reference): string {
    return join(this.#root, fileName(list));
  }
}

/** What both a list and an image that are not there are called. */
export const noSuchManifest = (reference: Reference): Error =>
  notFound(`No such manifest: ${formatReference(reference)}`);

async function read(path: string): Promise<ImageManifest | null> {
  const text = await absent(readFile(path, "utf8"));
  if (text === null) return null;
  try {
    return parseStoredForm(text);
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function absent<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}
