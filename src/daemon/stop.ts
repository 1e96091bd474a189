/** `dhow daemon stop`: asks a running daemon to end, over its own socket. */
import { request } from "node:http";
import { paths } from "../api/paths.ts";
import { formatTarget } from "../api/route-spec.ts";
import { messageOf } from "../lib/errors.ts";
import { type Defaults, readConfig } from "./config.ts";
import { readPidfile } from "./pidfile.ts";

const exitMs = 10_000;

/**
 * Stops the daemon that these flags started (`--host` and `--pidfile` tell which); with `--all` its containers, supervisor and
 * netd too. Returns the exit code; 0 means that it is gone.
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
    const pid = readPidfile(config.pidfile);
    await ask(socket.path, formatTarget(paths.daemonStop, {}, { all }));
    if (pid !== undefined) await waitForExit(pid);
    return 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
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
      reject(
        error.code === "ENOENT" || error.code === "ECONNREFUSED"
          ? new Error(`no daemon answers on unix://${socketPath}`)
          : error,
      ),
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
