/**
 * An engine in the test's own process, for what a test hands to the builder itself: secrets, agents and files that otherwise come
 * over a client's session. Its roots and addresses are a test daemon's.
 */
import { spawn } from "node:child_process";
import { createReadStream, mkdirSync } from "node:fs";
import type { Readable } from "node:stream";
import type { BuildEvent, BuildRequest, BuiltImage } from "../../src/builder/builder.ts";
import { inStore } from "../../src/builder/request-results.ts";
import { type MainContext, noSources } from "../../src/builder/request-sources.ts";
import { dhowDefaults, readConfig } from "../../src/daemon/config.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { background, type Operation } from "../../src/lib/operation.ts";
import { TestDaemon } from "./daemon.ts";
import { busyboxTar } from "./images.ts";

/** What a build came to, and what it told meanwhile. */
export interface OwnBuild {
  readonly image: BuiltImage;
  readonly events: readonly BuildEvent[];
  /** All that its commands wrote. */
  readonly output: string;
}

const plainRequest: BuildRequest = {
  dockerfile: "Dockerfile",
  names: [],
  buildArgs: {},
  labels: {},
  target: "",
  noCache: false,
  pull: false,
  platform: "",
  networkMode: "default",
  extraHosts: [],
  limits: {
    ...{ memory: 0, memorySwap: 0, cpuShares: 0, cpuPeriod: 0, cpuQuota: 0, cpusetCpus: "", cpusetMems: "" },
    ...{ shmSize: 0, cgroupParent: "", ulimits: [] },
  },
  auths: new Map(),
  noCacheStages: [],
  grants: new Set(),
  namedContexts: new Map(),
  ...noSources,
  outputs: [inStore],
  attestations: [],
  cacheFrom: [],
  cacheTo: [],
  keepsFailed: false,
};

export class OwnEngine implements AsyncDisposable {
  readonly engine: Engine;
  readonly #place: TestDaemon;

  private constructor(engine: Engine, place: TestDaemon) {
    this.engine = engine;
    this.#place = place;
  }

  /** With a `busybox` image. */
  static async start(flags: readonly string[] = []): Promise<OwnEngine> {
    const place = TestDaemon.reserve({ flags });
    try {
      for (const root of [place.dataRoot, place.execRoot]) mkdirSync(root, { recursive: true, mode: 0o700 });
      const log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };
      const engine = await createEngine(readConfig(place.flags, dhowDefaults).engine, log);
      const own = new OwnEngine(engine, place);
      const tar = createReadStream(await busyboxTar());
      const request = { repo: "busybox", tag: "latest", message: "", changes: [], platform: "" };
      await engine.images.importTar(request, tar, () => {}, background());
      return own;
    } catch (error) {
      await place[Symbol.asyncDispose]();
      throw error;
    }
  }

  get dataRoot(): string {
    return this.#place.dataRoot;
  }

  get execRoot(): string {
    return this.#place.execRoot;
  }

  /** Builds the files of a tar, or of `main`. */
  async build(
    request: Partial<BuildRequest>,
    context: string | MainContext,
    op: Operation = background(),
  ): Promise<OwnBuild> {
    const main: MainContext = typeof context === "string" ? { kind: "archive", tar: tarOf(context) } : context;
    const events: BuildEvent[] = [];
    const image = await this.engine.builder.build(
      { ...plainRequest, ...request },
      main,
      (event) => events.push(event),
      op,
    );
    return { image, events, output: outputOf(events) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.stopAll();
    await this.engine[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }
}

function tarOf(directory: string): Readable {
  return spawn("tar", ["-C", directory, "-c", "."], { stdio: ["ignore", "pipe", "inherit"] }).stdout;
}

function outputOf(events: readonly BuildEvent[]): string {
  return events.map((event) => (event.kind === "output" ? Buffer.from(event.bytes).toString() : "")).join("");
}
