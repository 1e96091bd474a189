/** `dhow daemon stop`: asks a running daemon to end, over its own socket. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { paths } from "../api/paths.ts";
import { formatTarget } from "../api/route-spec.ts";
import { enginePaths } from "../lib/engine-paths.ts";
import { messageOf } from "../lib/errors.ts";
import { type DaemonConfig, type Defaults, readConfig } from "./config.ts";
import { takeRoots } from "./data-root.ts";
import { createLogger } from "./log.ts";
import { readPidfile } from "./pidfile.ts";

const exitMs = 10_000;

/** How long the supervisor may take to go, and the helpers to delete what was thrown away. */
const endMs = 120_000;

/**
 * Stops the daemon that these flags started (`--host` and `--pidfile` tell which); with `--all` its containers, supervisor and
 * netd too, also those that a daemon left which is dead itself. Returns the exit code; 0 means that it is gone.
 */
export async function stopMain(args: readonly string[], defaults: Defaults): Promise<number> {
  try {
    const all = args.includes("--all");
    const config = readConfig(
      args.filter((word) => word !== "--all"),
      defaults,
    );
    const socket = config.hosts.find((host) => host.kind === "unix");
    if (!socket) throw new Error("the daemon has no unix socket to ask on");
    let pid = readPidfile(config.pidfile);
    try {
      await ask(socket.path, formatTarget(paths.daemonStop, {}, { all }));
    } catch (error) {
      if (!(error instanceof NoDaemon) || !all || !isLeftBehind(config)) throw error;
      await stopWithoutDaemon(config);
      pid = undefined;
    }
    if (pid !== undefined) await waitForExit(pid);
    for (const deadline = Date.now() + endMs; all && (await isAtWork(config)); await Bun.sleep(20)) {
      if (Date.now() > deadline) throw new Error(`the supervisor or a helper still runs after ${endMs / 1000} s`);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

/** True while the engine's supervisor is on its way out, or a helper deletes what was thrown away, whoever started it. */
async function isAtWork({ engine }: DaemonConfig): Promise<boolean> {
  const ours = [
    ["supervisor", "--exec-root", engine.execRoot, ""].join("\0"),
    ["helper", "empty-trash", `{"dir":${JSON.stringify(engine.dataRoot).slice(0, -1)}/`].join("\0"),
  ];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.some((line) => ours.some((words) => line.includes(`\0${words}`)));
}

class NoDaemon extends Error {
  constructor(path: string) {
    super(`no daemon answers on unix://${path}`);
  }
}

/** True when a daemon that has died left its supervisor or netd. */
function isLeftBehind({ engine }: DaemonConfig): boolean {
  const { supervisorSocket, netdSocket } = enginePaths(engine.dataRoot, engine.execRoot);
  return existsSync(supervisorSocket) || existsSync(netdSocket);
}

/** Does a dead daemon's part: an engine of its flags, which serves nobody, takes over what lives and ends it. */
async function stopWithoutDaemon(config: DaemonConfig): Promise<void> {
  using _roots = takeRoots(config.engine.dataRoot, config.engine.execRoot);
  const { createEngine } = await import("../engine/engine.ts");
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  await using engine = await createEngine(config.engine, log, { toStop: true });
  await engine.stopAll();
}

function ask(socketPath: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method: paths.daemonStop.method, agent: false }, (reply) => {
      let text = "";
      reply.on("data", (chunk) => {
        text += chunk;
      });
      reply.on("end", () => (reply.statusCode === 204 ? resolve() : reject(new Error(text.trim()))));
      reply.on("error", reject);
    });
    sent.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" || error.code === "ECONNREFUSED" ? new NoDaemon(socketPath) : error),
    );
    sent.end();
  });
}

async function waitForExit(pid: number): Promise<void> {
  for (const deadline = Date.now() + exitMs; Date.now() < deadline; await Bun.sleep(10)) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
  throw new Error(`daemon process ${pid} is still there after ${exitMs / 1000} s`);
}
