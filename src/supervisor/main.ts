/** `dhow supervisor --exec-root DIR`: outlives the daemon, holds its containers' processes. */
import { join } from "node:path";
import { messageOf } from "../lib/errors.ts";
import { tryLock } from "../linux/flock.ts";
import { trimWhenIdle } from "../linux/idle-trim.ts";
import { becomeSubreaper, closeInheritedOnExec } from "../linux/process.ts";
import { Records } from "./records.ts";
import { ControlConnections, serve } from "./server.ts";
import { Supervisor } from "./supervisor.ts";

/** Exit code when another supervisor has the exec root already. */
const alreadyRunning = 3;

export async function supervisorMain(args: string[]): Promise<void> {
  const execRoot = args[0] === "--exec-root" ? args[1] : undefined;
  if (!execRoot) {
    process.stderr.write("dhow supervisor: --exec-root DIR is required\n");
    process.exit(2);
  }
  closeInheritedOnExec();
  process.umask(0o077);
  const lock = tryLock(join(execRoot, "supervisor.lock"));
  if (!lock) process.exit(alreadyRunning);
  const log = (message: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${message}\n`);
  };
  // Neither the daemon's end nor its terminal's is ours.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGPIPE"] as const) process.on(signal, () => {});
  process.on("uncaughtException", (error) => log(`uncaught: ${error.stack ?? messageOf(error)}`));
  process.on("unhandledRejection", (error) =>
    log(`unhandled: ${error instanceof Error ? error.stack : String(error)}`),
  );
  becomeSubreaper();

  const controls = new ControlConnections();
  const records = new Records(execRoot);
  const supervisor = new Supervisor({ records, push: (push) => controls.push(push), log });
  process.on("SIGCHLD", () => supervisor.reap());
  await supervisor.recover();
  await serve(supervisor, controls, {
    path: join(execRoot, "supervisor.sock"),
    onShutdown: () => {
      lock[Symbol.dispose]();
      process.exit(0);
    },
    log,
  });
  trimWhenIdle();
}
