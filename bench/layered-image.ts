/** An image of many files in several layers, as a docker archive and in a registry on loopback. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DockerRegistry, startDockerRegistry } from "../test/e2e/registry-server.ts";
import { succeed } from "../test/harness/command.ts";
import { command, type Engine } from "./engines.ts";

const timeoutMs = 600_000;

export interface Shape {
  readonly layers: number;
  /** Of the whole image, as are the bytes. */
  readonly files: number;
  readonly bytes: number;
}

export const bigShape: Shape = { layers: 10, files: 20_000, bytes: 500 << 20 };

export class LayeredImage implements AsyncDisposable {
  /** The name that {@link load} gives it. */
  readonly loaded = "bench-layered:1";
  /** The name that {@link pull} gives it. */
  readonly pulled: string;
  readonly #directory: string;
  readonly #registry: DockerRegistry;
  #target: DockerRegistry | null = null;

  private constructor(directory: string, registry: DockerRegistry) {
    this.#directory = directory;
    this.#registry = registry;
    this.pulled = `${registry.host}/bench-layered:1`;
  }

  /** Makes the archive, and pushes it. */
  static async make(shape: Shape): Promise<LayeredImage> {
    const directory = mkdtempSync(join(tmpdir(), "dhow-bench-image-"));
    const image = new LayeredImage(directory, await startDockerRegistry());
    try {
      await makeArchive(image.archive, image.loaded, shape);
      const source = `docker-archive:${image.archive}`;
      await succeed(["skopeo", "copy", "-q", "--dest-tls-verify=false", source, `docker://${image.pulled}`], {
        timeoutMs,
      });
      return image;
    } catch (error) {
      await image[Symbol.asyncDispose]();
      throw error;
    }
  }

  get archive(): string {
    return join(this.#directory, "image.tar");
  }

  async load({ command: words, env }: Engine): Promise<void> {
    await succeed([...words, "load"], { env, stdin: Bun.file(this.archive), timeoutMs });
  }

  async pull({ command: words, env, name }: Engine): Promise<void> {
    await succeed([...words, "pull", "-q", ...insecure(name), this.pulled], { env, timeoutMs });
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
    await succeed([...words, "push", "-q", ...insecure(name), this.#pushName], { env, timeoutMs });
  }

  async pushed(engine: Engine): Promise<void> {
    await command(engine, "rmi", "-f", this.#pushName, this.loaded);
    await this.#endTarget();
  }

  /** Milliseconds of skopeo's copy from the registry into a directory, which it does not unpack. */
  async skopeoPull(): Promise<number> {
    const to = join(this.#directory, "copy");
    const took = await timed([
      "skopeo",
      "copy",
      "-q",
      "--src-tls-verify=false",
      `docker://${this.pulled}`,
      `dir:${to}`,
    ]);
    rmSync(to, { recursive: true });
    return took;
  }

  /** Milliseconds of skopeo's copy from the archive into an empty registry. */
  async skopeoPush(): Promise<number> {
    this.#target = await startDockerRegistry();
    const source = `docker-archive:${this.archive}`;
    const took = await timed(["skopeo", "copy", "-q", "--dest-tls-verify=false", source, `docker://${this.#pushName}`]);
    await this.#endTarget();
    return took;
  }

  get #pushName(): string {
    return `${this.#target?.host}/bench-layered:1`;
  }

  async #endTarget(): Promise<void> {
    await this.#target?.[Symbol.asyncDispose]();
    this.#target = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endTarget();
    await this.#registry[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }
}

const insecure = (engine: string): string[] => (engine === "podman" ? ["--tls-verify=false"] : []);

async function timed(words: readonly string[]): Promise<number> {
  const from = performance.now();
  await succeed(words, { timeoutMs });
  return performance.now() - from;
}

/** `docker save`'s form: a manifest, a config, a tar of each layer. */
async function makeArchive(archive: string, name: string, { layers, files, bytes }: Shape): Promise<void> {
  const staging = mkdtempSync(`${archive}-`);
  const names = Array.from({ length: layers }, (_, layer) => `layer-${layer}.tar`);
  for (const [layer, tar] of names.entries()) {
    const tree = join(staging, `tree-${layer}`);
    for (let i = layer; i < files; i += layers) {
      const folder = join(tree, `l${layer}`, `d${i % 20}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `f${i}`), noise(i, Math.floor(bytes / files)));
    }
    await succeed(["tar", "-C", tree, "-cf", join(staging, tar), "."], { timeoutMs });
    rmSync(tree, { recursive: true });
  }
  const diffIds: string[] = [];
  for (const tar of names) diffIds.push(`sha256:${await sha256(join(staging, tar))}`);
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: names.map((tar) => ({ created: "2026-01-01T00:00:00Z", created_by: tar })),
  };
  writeFileSync(join(staging, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [name], Layers: names }];
  writeFileSync(join(staging, "manifest.json"), JSON.stringify(manifest));
  await succeed(["tar", "-C", staging, "-cf", archive, "manifest.json", "config.json", ...names], { timeoutMs });
  rmSync(staging, { recursive: true });
}

/** Bytes that pack little, the same for the same seed. */
function noise(seed: number, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) {
    content.writeUInt32LE(Math.imul(seed * 7919 + at, 2654435761) >>> 0, at);
  }
  return content;
}

async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}
