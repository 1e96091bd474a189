/** The files that a build is given, unpacked into a directory of its own for as long as it goes. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalidArgument } from "../../lib/errors.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { findIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import type { Operation } from "../../lib/operation.ts";
import { resolveInside } from "../steps/inside.ts";

/** Most bytes of a Dockerfile or an ignore file. */
const maxTextBytes = 16 << 20;

export interface ContextParts {
  /** Where contexts lie; a crash leaves some. */
  readonly directory: string;
  /** Unpacks a tar, packed or not, into the directory. */
  unpack(directory: string, tar: Readable, op: Operation): Promise<void>;
  /** Throws a directory away. */
  discard(directory: string): void;
}

/** Where in its directory a context's files are, and the file that is its Dockerfile whatever the request says. */
export interface FilledContext {
  readonly root: string;
  readonly dockerfile: string | null;
}

/** The files of one build, wherever they come from. */
export interface BuildFiles extends AsyncDisposable {
  /** The file that is its Dockerfile whatever the request says; null where the request says it. */
  readonly ownDockerfile: string | null;
  /** The Dockerfile of that name; throws in BuildKit's words when it is not there. */
  dockerfile(name: string): Promise<Buffer>;
  /** What the context leaves out; null when it does not say. */
  ignore(dockerfile: string): Promise<IgnoreMatcher | null>;
  /** A directory with the context's files, at least those of these paths, which may be patterns; null is all of them. */
  gather(paths: readonly string[] | null): Promise<string>;
}

/** All in one directory. */
export class BuildContext implements BuildFiles {
  /** The directory of its files, at or below its own. */
  #root: string;
  ownDockerfile: string | null = null;
  /** Files of an archive that are the builder's alone, once they have been read. */
  #ignored: readonly string[] = [];
  #isArchive = false;
  readonly #directory: string;
  readonly #parts: ContextParts;

  private constructor(parts: ContextParts) {
    mkdirSync(parts.directory, { recursive: true, mode: 0o700 });
    this.#directory = mkdtempSync(join(parts.directory, "context-"));
    this.#root = this.#directory;
    this.#parts = parts;
  }

  /** A context whose files `fill` puts below the directory that it is given. */
  static async filled(parts: ContextParts, fill: (directory: string) => Promise<FilledContext>): Promise<BuildContext> {
    const context = new BuildContext(parts);
    try {
      const { root, dockerfile } = await fill(context.#directory);
      context.#root = root;
      context.ownDockerfile = dockerfile;
      return context;
    } catch (error) {
      await context[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async receive(parts: ContextParts, tar: Readable, op: Operation): Promise<BuildContext> {
    const context = await BuildContext.filled(parts, async (root) => {
      await parts.unpack(root, tar, op);
      return { root, dockerfile: null };
    });
    context.#isArchive = true;
    return context;
  }

  async dockerfile(path: string): Promise<Buffer> {
    return readDockerfile(this.#root, path);
  }

  async ignore(dockerfile: string): Promise<IgnoreMatcher | null> {
    const text = async (path: string): Promise<string | null> => readText(this.#root, path)?.toString() ?? null;
    const found = await findIgnoreFile(dockerfile, { besideDockerfile: text, inContext: text });
    if (found === null) return null;
    const matcher = new IgnoreMatcher(found.patterns);
    this.#ignored = [".dockerignore", dockerfile].filter((path) => matcher.matches(path));
    return matcher;
  }

  /** As dockerd has it: of an archive, the Dockerfile and the ignore file go where the ignore file leaves them out, and nothing else. */
  async gather(): Promise<string> {
    for (const path of this.#isArchive ? this.#ignored : []) {
      const found = resolveInside(this.#root, path);
      if (found !== null) rmSync(found, { force: true });
    }
    return this.#root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.discard(this.#directory);
  }
}

/** The bytes of a regular file; null when it is not there. Links are followed inside the root. */
export function readText(root: string, path: string): Buffer | null {
  const found = resolveInside(root, path);
  if (found === null) return null;
  // Some devices do something when they are opened.
  if (!lstatSync(found).isFile()) throw invalidArgument(`failed to read dockerfile: ${path} is not a regular file`);
  const fd = openSync(found, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    if (stat.size > maxTextBytes) throw invalidArgument(`${path} is larger than ${maxTextBytes} bytes`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function readDockerfile(root: string, path: string): Buffer {
  const bytes = readText(root, path);
  if (bytes !== null) return bytes;
  throw invalidArgument(`failed to read dockerfile: open ${path.replace(/^\/+/, "")}: no such file or directory`);
}
