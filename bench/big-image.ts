/** An image with one layer of 20,000 files and 500 MB, as a docker archive and in a registry on loopback. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDockerRegistry } from "../test/e2e/registry-server.ts";
import { succeed } from "../test/harness/command.ts";
import { command, type Engine } from "./engines.ts";

const files = 20_000;
const bytes = 500 << 20;
const timeoutMs = 600_000;

type Registry = Awaited<ReturnType<typeof startDockerRegistry>>;

export class BigImage implements AsyncDisposable {
  /** The name that {@link load} gives it. */
  readonly loaded = "bench-big";
  /** The name that {@link pull} gives it. */
  readonly pulled: string;
  readonly #directory: string;
  readonly #registry: Registry;
  #target: Registry | null = null;

  private constructor(directory: string, registry: Registry) {
    this.#directory = directory;
    this.#registry = registry;
    this.pulled = `${registry.host}/bench-big:1`;
  }

  /** Has `engine` make the archive, and pushes it. */
  static async make(engine: Engine): Promise<BigImage> {
    const image = new BigImage(mkdtempSync(join(tmpdir(), "dhow-bench-image-")), await startDockerRegistry());
    try {
      await image.#makeArchive(engine);
      const source = `docker-archive:${image.#archive}`;
      await succeed(["skopeo", "copy", "-q", "--dest-tls-verify=false", source, `docker://${image.pulled}`]);
      return image;
    } catch (error) {
      await image[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #archive(): string {
    return join(this.#directory, "big.tar");
  }

  async load({ command: words, env }: Engine): Promise<void> {
    await succeed([...words, "load"], { env, stdin: Bun.file(this.#archive), timeoutMs });
  }

  async pull({ command: words, env, name }: Engine): Promise<void> {
    const insecure = name === "podman" ? ["--tls-verify=false"] : [];
    await succeed([...words, "pull", "-q", ...insecure, this.pulled], { env, timeoutMs });
  }

  async save({ command: words, env }: Engine): Promise<void> {
    // Through the pipe that every engine has, wherever its root is.
    await succeed(["sh", "-c", '"$@" >/dev/null', "sh", ...words, "save", this.loaded], { env, timeoutMs });
  }

  /** Loads the image, and names it in a registry that has nothing: none of its blobs may be there, nor lent. */
  async readyToPush(engine: Engine): Promise<void> {
    await this.load(engine);
    this.#target = await startDockerRegistry();
    await command(engine, "tag", this.loaded, this.#pushName);
  }

  async push({ command: words, env, name }: Engine): Promise<void> {
    const insecure = name === "podman" ? ["--tls-verify=false"] : [];
    await succeed([...words, "push", "-q", ...insecure, this.#pushName], { env, timeoutMs });
  }

  async pushed(engine: Engine): Promise<void> {
    await command(engine, "rmi", "-f", this.#pushName, this.loaded);
    await this.#target?.[Symbol.asyncDispose]();
    this.#target = null;
  }

  get #pushName(): string {
    return `${this.#target?.host}/bench-big:1`;
  }

  async #makeArchive(engine: Engine): Promise<void> {
    const { env, command: words } = engine;
    const tree = join(this.#directory, "tree");
    const content = Buffer.alloc(bytes / files);
    for (let i = 0; i < files; i++) {
      const folder = join(tree, `d${i % 200}`);
      if (i < 200) mkdirSync(folder, { recursive: true });
      for (let at = 0; at + 4 <= content.length; at += 4)
        content.writeUInt32LE(Math.imul(i * 7919 + at, 2654435761) >>> 0, at);
      writeFileSync(join(folder, `f${i}`), content);
    }
    const root = join(this.#directory, "root.tar");
    await succeed(["tar", "-C", tree, "-cf", root, "."]);
    await succeed([...words, "import", root, this.loaded], { env, timeoutMs });
    await succeed([...words, "save", "-o", this.#archive, this.loaded], { env, timeoutMs });
    await command(engine, "rmi", "-f", this.loaded);
    rmSync(tree, { recursive: true });
    rmSync(root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#target?.[Symbol.asyncDispose]();
    await this.#registry[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }
}
