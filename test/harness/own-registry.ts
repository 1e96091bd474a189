/** `dhow registry serve` of the compiled binary, with a directory of its own. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness, until } from "./command.ts";
import { dhowBinary, dhowTestBinary } from "./daemon.ts";

export interface OwnRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Its data. */
  readonly root: string;
  readonly pid: number;
  /** What it has said. */
  readonly log: string;
  kill9(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and starts it again on the same data. */
  restart(): Promise<void>;
}

export interface OwnRegistryOptions {
  /** Those of `registry serve`. */
  readonly flags?: readonly string[];
  /** Where its data is; a directory that goes with it unless told. */
  readonly root?: string;
  /** What runs the binary: a command that ends with its own arguments. */
  readonly under?: readonly string[];
  /** Fail points of one that has them, set before it starts. */
  readonly points?: string;
}

/** A registry whose fail points can be set. */
export interface FailingRegistry extends OwnRegistry {
  /** Sets the fail points (see `lib/fail-point.ts`) until one of them kills. */
  arm(points: string): void;
  /** Waits until it has died. */
  dead(): Promise<void>;
}

/** Starts one; `flags` are those of `registry serve`. */
export function startOwnRegistry(...flags: string[]): Promise<OwnRegistry> {
  return startRegistry({ flags });
}

export function startRegistry(options: OwnRegistryOptions): Promise<OwnRegistry> {
  return launch(dhowBinary, options);
}

export function startFailingRegistry(options: OwnRegistryOptions): Promise<FailingRegistry> {
  return launch(dhowTestBinary, options);
}

async function launch(binary: string, options: OwnRegistryOptions): Promise<FailingRegistry> {
  const { flags = [], under = [] } = options;
  const dir = mkdtempSync(join(tmpdir(), "dhow-registry-"));
  const { root = join(dir, "root") } = options;
  const [log, points] = [join(dir, "log"), join(dir, "points")];
  if (options.points) writeFileSync(points, options.points);
  const host = `127.0.0.1:${await freePort()}`;
  const serve = () => {
    const fd = openSync(log, "a");
    try {
      return Bun.spawn([...under, binary, "registry", "serve", "--root", root, "--addr", host, ...flags], {
        stdio: ["ignore", "ignore", fd],
        env: { ...process.env, DHOW_FAIL_POINTS_FILE: points },
      });
    } finally {
      closeSync(fd);
    }
  };
  let child = serve();
  const origin = `${flags.includes("--tls-cert") ? "https" : "http"}://${host}`;
  const answers = () =>
    until("the registry", () =>
      fetch(`${origin}/v2/`, { tls: { rejectUnauthorized: false } }).then(
        () => true,
        () => false,
      ),
    ).catch((error: unknown) => {
      throw new Error(`${error}\n${readFileSync(log, "utf8")}`);
    });
  await answers();
  const registry: FailingRegistry = {
    host,
    root,
    get log() {
      return readFileSync(log, "utf8");
    },
    get pid() {
      return child.pid;
    },
    arm: (text) => writeFileSync(points, text),
    async dead() {
      const late = Bun.sleep(10_000 * slowness).then(() => "alive");
      if ((await Promise.race([child.exited, late])) === "alive") throw new Error("the registry has not died");
    },
    async kill9() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async start() {
      child = serve();
      await answers();
    },
    async restart() {
      child.kill("SIGTERM");
      await child.exited;
      await registry.start();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return registry;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
