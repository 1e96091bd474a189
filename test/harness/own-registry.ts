/** `dhow registry serve` of the compiled binary, with a directory of its own. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./command.ts";
import { dhowBinary } from "./daemon.ts";

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

/** Starts one; `flags` are those of `registry serve`. */
export async function startOwnRegistry(...flags: string[]): Promise<OwnRegistry> {
  const root = mkdtempSync(join(tmpdir(), "dhow-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const log = `${root}.log`;
  const serve = () => {
    const fd = openSync(log, "a");
    try {
      const command = [dhowBinary, "registry", "serve", "--root", root, "--addr", host, ...flags];
      return Bun.spawn(command, { stdio: ["ignore", "ignore", fd] });
    } finally {
      closeSync(fd);
    }
  };
  let child = serve();
  const answers = () =>
    until("the registry", () =>
      fetch(`${flags.includes("--tls-cert") ? "https" : "http"}://${host}/v2/`, {
        tls: { rejectUnauthorized: false },
      }).then(
        () => true,
        () => false,
      ),
    ).catch((error: unknown) => {
      throw new Error(`${error}\n${readFileSync(log, "utf8")}`);
    });
  await answers();
  const registry: OwnRegistry = {
    host,
    root,
    get log() {
      return readFileSync(log, "utf8");
    },
    get pid() {
      return child.pid;
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
      rmSync(root, { recursive: true, force: true });
      rmSync(log, { force: true });
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
