/**
 * The `up -d` that has nothing to do. A plan is a pure function of the files, the environment, the words of the command and what the
 * engine has. Where all of these are as they were when it was empty, it is empty again: no file is read as YAML, and no model is
 * made. What is kept for this are digests, and the names of files, images and containers.
 */
import { lstat, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { answerTo, type Read } from "../../compose/loader/reads.ts";
import type { Project } from "../../compose/model/project.ts";
import { type Observed, observe, observeImages } from "../../compose/observe.ts";
import { commit, version } from "../../lib/version.ts";
import type { Cli } from "../cli.ts";
import type { Converged } from "./converge.ts";
import { initialFlags } from "./globals.ts";
import { openDisplay } from "./progress-display.ts";

interface Note {
  /** Digest of this binary's version, the directory, the environment, the words and the daemon's address. */
  readonly asked: string;
  readonly reads: readonly Read[];
  readonly project: string;
  readonly images: readonly string[];
  /** In the order in which they are told. */
  readonly containers: readonly string[];
  /** Digest of what the engine has of the project. */
  readonly engine: string;
}

const digest = (value: unknown): string => new Bun.CryptoHasher("sha256").update(JSON.stringify(value)).digest("hex");

export class SettledUp {
  readonly #cli: Cli;
  readonly #file: string;
  readonly #asked: string;

  private constructor(cli: Cli, file: string, asked: string) {
    this.#cli = cli;
    this.#file = file;
    this.#asked = asked;
  }

  /** For this command, in this directory; null where nothing can be kept. */
  static async of(cli: Cli): Promise<SettledUp | null> {
    const folder = await cacheFolder();
    if (folder === null) return null;
    const words = [process.cwd(), process.argv.slice(2)];
    const environment = Object.entries(process.env).sort(([a], [b]) => (a < b ? -1 : 1));
    const { address } = await cli.daemon();
    const asked = digest([version, commit, address, words, environment]);
    return new SettledUp(cli, join(folder, `${digest(words).slice(0, 32)}.json`), asked);
  }

  /** True when nothing is to be done; that has been told then. */
  async holds(): Promise<boolean> {
    const note = await this.#read();
    if (note?.asked !== this.#asked) return false;
    if (note.reads.some(({ question, path, answer }) => answer === null || answerTo(question, path) !== answer))
      return false;
    const client = await this.#cli.client();
    const [observed, images] = await Promise.all([observe(client, note.project), observeImages(client, note.images)]);
    const ids = new Map([...images].map(([name, { Id }]) => [name, Id]));
    if (engineDigest(observed, ids) !== note.engine) return false;
    const display = openDisplay(this.#cli, this.#cli.compose ?? initialFlags(), false);
    for (const name of note.containers) display.tell(`Container ${name}`, "Running", "done");
    await display.end();
    return true;
  }

  /** Notes it if there was nothing to do, and nothing but a change can make another plan. */
  async keep(
    { project, observed, plan, changedVolumes, context }: Converged,
    reads: ReadonlyMap<string, Read>,
  ): Promise<void> {
    const containers = plan.operations.flatMap(({ action }) => (action.kind === "keep" ? [action.name] : []));
    if (containers.length < plan.operations.length || plan.warnings.length + changedVolumes.length > 0) return;
    if (!isTimeless(project)) return;
    if ([...reads.values()].some(({ answer }) => answer === null) || project.composeFiles.includes("-")) return;
    const note: Note = {
      asked: this.#asked,
      reads: [...reads.values()],
      project: project.name,
      images: [...context.images.keys()],
      containers,
      engine: engineDigest(observed, context.images),
    };
    try {
      const temporary = `${this.#file}.${crypto.randomUUID()}`;
      await writeFile(temporary, JSON.stringify(note), { mode: 0o600, flag: "wx" });
      await rename(temporary, this.#file);
    } catch {
      // The next one reads the files again.
    }
  }

  async #read(): Promise<Note | null> {
    try {
      return JSON.parse(await readFile(this.#file, "utf8")) as Note;
    } catch {
      return null;
    }
  }
}

/** The user's own; another's home (sudo) gets no files of ours. */
async function cacheFolder(): Promise<string | null> {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "dhow", "compose");
  try {
    if ((await stat(homedir())).uid !== process.getuid?.()) return null;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await lstat(folder)).uid === process.getuid?.() ? folder : null;
  } catch {
    return null;
  }
}

/** Everything that a plan looks at. */
function engineDigest({ containers, networks, volumes }: Observed, images: ReadonlyMap<string, string>): string {
  const byName = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return digest([
    containers.map(({ summary: _, ...container }) => container),
    byName(networks),
    byName(volumes),
    byName(images),
  ]);
}

/** Providers and models are asked each time, credentials change, and an image may be too old by tomorrow. */
function isTimeless({ services, models }: Project): boolean {
  if (Object.keys(models).length > 0 || Object.values(services).some((service) => service.use_api_socket)) return false;
  return Object.values(services).every(
    ({ provider, pull_policy }) => !provider && ["", "missing", "if_not_present", "never"].includes(pull_policy ?? ""),
  );
}
