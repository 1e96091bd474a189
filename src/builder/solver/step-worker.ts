/** Does the work of single steps for one build: key, look-up, and else the work itself in a writable layer. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runHelper } from "../../helper/helper-process.ts";
import { escapeGlob } from "../../lib/glob.ts";
import type { Operation } from "../../lib/operation.ts";
import type { BuildEvent, BuildRequest } from "../builder.ts";
import type { BuildCache } from "../cache/build-cache.ts";
import type { CacheMounts } from "../cache/cache-mounts.ts";
import type { StepNotes } from "../cache/export-cache.ts";
import type { ImportedCaches } from "../cache/import-cache.ts";
import { type BuilderOptions, type BuildHold, holdLayers } from "../collaborators.ts";
import type { KeptContexts } from "../context/kept-contexts.ts";
import { inputsOf, keyText } from "../dockerfile/plan/key.ts";
import type { CopySource, CopyWork, MakeDirectoryWork, RunWork, StagePlan, Step } from "../dockerfile/plan/plan.ts";
import type { GitSources } from "../sources/git-sources.ts";
import type { HttpSources } from "../sources/http-sources.ts";
import type { CopyRequest, DigestRequest, MakeDirectoryRequest } from "../steps/files-helper.ts";
import { refuseForeign } from "../steps/foreign-platform.ts";
import { keepFailed } from "../steps/kept-root.ts";
import { LentFiles } from "../steps/lent-files.ts";
import { makeFileStubs, makeMountDirectories, missingPaths, removeStubs } from "../steps/mount-stubs.ts";
import { withMounts } from "../steps/run-mounts.ts";
import { nameFiles, type RunExits, RunFailed, runProcess } from "../steps/run-process.ts";
import type { FileSource } from "../steps/selection.ts";
import { StepRoot, type Tree, topOf } from "../steps/step-root.ts";
import type { Flights } from "./flights.ts";
import type { InputRoots } from "./input-roots.ts";
import type { StepResult } from "./solver.ts";

/** Changes when equal steps come to something else than before. */
const keyVersion = 4;

export interface WorkerParts extends BuilderOptions {
  readonly cache: BuildCache;
  readonly cacheMounts: CacheMounts;
  readonly contexts: KeptContexts;
  readonly exits: RunExits;
  readonly flights: Flights<StepResult>;
  readonly git: GitSources;
  readonly http: HttpSources;
  copyUp(root: string, path: string, target: string, op: Operation): Promise<void>;
}

export interface WorkerOptions {
  readonly request: BuildRequest;
  readonly hold: BuildHold;
  readonly inputs: InputRoots;
  /** Of RUN, and no part of its key. */
  readonly proxies: readonly string[];
  /** A directory for files that stand in the Dockerfile. */
  readonly scratch: string;
  readonly tell: (event: BuildEvent) => void;
  readonly imported: ImportedCaches;
  readonly notes: StepNotes;
}

export class StepWorker {
  readonly #parts: WorkerParts;
  readonly #options: WorkerOptions;
  #sources = 0;

  constructor(parts: WorkerParts, options: WorkerOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async carryOut(step: Step, stage: StagePlan, number: number, tree: Tree, op: Operation): Promise<StepResult> {
    const { cache, flights } = this.#parts;
    const { work, label } = step;
    if (work === null) throw new Error(`${label} has no work`);
    const files = work.kind === "copy" ? await this.#fileSources(work, op) : [];
    const key = await this.#keyOf(step, tree, files, op);
    const keep = (result: StepResult): StepResult => {
      holdLayers(this.#options.hold, result.tree);
      this.#options.notes.note(key, result);
      return result;
    };
    if (!stage.ignoresCache) {
      const found = cache.find(key);
      if (found) return keep({ tree: [...tree, found.layer], createdAt: found.createdAt, cached: true });
      const imported = await this.#options.imported.find(key, tree, label, op);
      if (imported) return keep(imported);
    }
    return await flights
      .join(key, op.signal, async () => {
        await using root = await StepRoot.open(this.#parts, tree, { forProcess: work.kind === "run" });
        if (work.kind === "copy") await this.#copy(work, files, root, op);
        else if (work.kind === "run") await this.#runOrKeep(work, root, number, op);
        else await this.#makeDirectory(work, root, op);
        const made = await root.seal(this.#options.hold, op);
        const layer = made.at(-1)!;
        const size = await this.#parts.snapshots.layerSize(layer.chainId);
        const createdAt = cache.add(key, { layer, parent: topOf(tree) ?? "", description: label, size });
        return { tree: made, createdAt, cached: false };
      })
      .then(keep);
  }

  /** 64 hex digits. */
  async #keyOf({ work }: Step, tree: Tree, files: readonly FileSource[], op: Operation): Promise<string> {
    const inputs: unknown[] = [];
    if (work?.kind === "copy" && files.length > 0) {
      const request = { sources: files.filter(({ identity }) => !identity), exclude: work.exclude };
      inputs.push(await this.#digestOf(request, op));
      inputs.push(...files.flatMap(({ identity }) => identity ?? []));
    }
    if (work?.kind === "run") for (const input of inputsOf(work)) inputs.push(await this.#identity(work, input, op));
    const surroundings = work?.kind === "run" ? surroundingsOf(this.#options.request) : null;
    const text = JSON.stringify([keyVersion, topOf(tree) ?? "", work && keyText(work), inputs, surroundings]);
    return new Bun.CryptoHasher("sha256").update(text).digest("hex");
  }

  /** What a RUN mounts: a tree by its layers, files by their content. */
  async #identity(work: RunWork, input: Parameters<InputRoots["source"]>[0], op: Operation): Promise<string> {
    const source = await this.#options.inputs.source(input);
    if (source.kind === "tree") return topOf(source.tree) ?? "";
    const sources = work.mounts.flatMap((mount) =>
      mount.type === "bind" && mount.input === input
        ? [{ ...plainSource, root: source.path, path: escapeGlob(mount.source), isRequired: false }]
        : [],
    );
    return await this.#digestOf({ sources, exclude: [] }, op);
  }

  async #digestOf(request: DigestRequest, op: Operation): Promise<string> {
    const known = await this.#parts.contexts.digest(request);
    return known ?? (await runHelper<{ digest: string }>("digest-files", request, null, op.signal)).digest;
  }

  async #fileSources(work: CopyWork, op: Operation): Promise<FileSource[]> {
    return await Promise.all(work.sources.map((source) => this.#fileSource(source, op)));
  }

  async #fileSource(source: CopySource, op: Operation): Promise<FileSource> {
    if (source.kind === "files") {
      const { path, only, isRequired, unpacks } = source;
      const { inputs } = this.#options;
      const keepsOwner = (await inputs.source(source.input)).kind === "tree";
      return { root: await inputs.pathOf(source.input), path, only, isRequired, unpacks, keepsOwner };
    }
    const root = join(this.#options.scratch, `source-${this.#sources++}`);
    mkdirSync(root, { mode: 0o700 });
    if (source.kind === "git") return await this.#gitSource(source, root, op);
    if (source.kind === "inline") {
      writeFileSync(join(root, source.name), source.text, { mode: 0o644 });
      return { ...plainSource, root, path: escapeGlob(source.name) };
    }
    await this.#parts.http.fetch(source, root, op);
    return { ...plainSource, root, path: escapeGlob(source.fileName), unpacks: source.unpacks };
  }

  /** The commit tells what the files are, which a .git beside them would not: it is never twice the same. */
  async #gitSource(
    source: Extract<CopySource, { readonly kind: "git" }>,
    directory: string,
    op: Operation,
  ): Promise<FileSource> {
    const access = { ...this.#options.request, credentials: source.credentials };
    const { root, commit } = await this.#parts.git.checkOut(source, access, directory, op);
    const identity = source.keepsGitDirectory ? `git ${source.remote} ${commit} ${source.subdirectory}` : null;
    return { ...plainSource, root, path: "/", identity };
  }

  async #copy(work: CopyWork, sources: readonly FileSource[], root: StepRoot, op: Operation): Promise<void> {
    const request: CopyRequest = {
      sources,
      target: root.path,
      destination: work.destination,
      owner: work.owner === null ? null : this.#owner(root, work.owner),
      mode: work.mode,
      exclude: work.exclude,
    };
    await runHelper<{ count: number }>("copy-files", request, null, op.signal);
  }

  async #makeDirectory({ path, owner }: MakeDirectoryWork, root: StepRoot, op: Operation): Promise<void> {
    const whose = owner === null ? { uid: 0, gid: 0 } : this.#owner(root, owner);
    const request: MakeDirectoryRequest = { target: root.path, path, owner: whose };
    await runHelper<{ made: boolean }>("make-directory", request, null, op.signal);
  }

  /** A number without a group means the group of the same number. */
  #owner(root: StepRoot, owner: string): { readonly uid: number; readonly gid: number } {
    return this.#parts.bundles.userOf(root.path, /^\d+$/.test(owner) ? `${owner}:${owner}` : owner);
  }

  /** What a command that failed has done is kept where the caller asked for it. */
  async #runOrKeep(work: RunWork, root: StepRoot, number: number, op: Operation): Promise<void> {
    const { request, hold } = this.#options;
    try {
      await this.#run(work, root, number, op);
    } catch (error) {
      if (!request.keepsFailed || !(error instanceof RunFailed)) throw error;
      throw error.keptAs(await keepFailed(this.#parts.images, hold, { work, root }, op));
    }
  }

  async #run(work: RunWork, root: StepRoot, number: number, op: Operation): Promise<void> {
    refuseForeign(work.platform);
    const { request, inputs, proxies, scratch, tell } = this.#options;
    await using lent = await LentFiles.take(work, root.directory, request, op);
    const targets = [
      ...nameFiles,
      ...work.mounts.flatMap(({ target }) => (target === null ? [] : [target])),
      ...lent.mounts.map(({ destination }) => destination),
    ];
    const stubs = missingPaths(root.path, targets);
    makeMountDirectories(root.path);
    makeFileStubs(root.path, nameFiles);
    try {
      await withMounts({ ...this.#parts, inputs, scratch }, work, root, op, async (mounts) => {
        const { networkMode, extraHosts, limits } = request;
        const output = (stream: "stdout" | "stderr", bytes: Uint8Array): void =>
          tell({ kind: "output", step: number, stream, bytes });
        const env = [...proxies, ...lent.env];
        const options = { networkMode, extraHosts, limits, mounts: [...mounts, ...lent.mounts], env, output };
        await runProcess(this.#parts, this.#parts.exits, work, root, options, op);
      });
    } finally {
      removeStubs(root.path, stubs);
    }
  }
}

/** What the build gives to every RUN, and that may change what comes of it. */
function surroundingsOf({ networkMode, extraHosts, limits }: BuildRequest): unknown {
  const network = networkMode === "" ? "default" : networkMode;
  return [network, [...extraHosts].sort(), limits.shmSize, limits.ulimits];
}

const plainSource = { only: null, isRequired: true, unpacks: false, keepsOwner: false };
