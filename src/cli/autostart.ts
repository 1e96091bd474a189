/**
 * Starts a daemon in the background for a user who has none: one at a time (a lock), in a session of its own, its output
 * in a log file that the message names; returns once it answers.
 */
import { mkdir, open, readFile, unlink } from "node:fs/promises";
import { connectSocket } from "../client/byte-stream.ts";
import { selfCommand } from "../lib/self.ts";

const patienceMs = 30_000;

/** Starts a daemon at `address` and waits until it answers; throws `cause` with the log's end when it does not. */
export async function startDaemon(address: string, say: (text: string) => void, cause: Error): Promise<void> {
  const socket = address.replace(/^unix:\/\//, "");
  const directory = "/run/dhow";
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const lock = `${directory}/autostart.lock`;
  const log = `${directory}/daemon.log`;
  const held = await acquire(lock);
  try {
    if (await answers(socket)) return;
    if (!held) return await waitFor(socket, log, cause, null);
    const file = await open(log, "a", 0o640);
    const argv = selfCommand("daemon", "-H", address);
    // setsid(1) rather than a bare child: the daemon must not die with this terminal.
    const child = Bun.spawn(["setsid", ...argv], { stdin: "ignore", stdout: file.fd, stderr: file.fd, cwd: "/" });
    child.unref();
    await file.close();
    say(`dhow: no daemon at ${address}, starting one in the background (log: ${log})\n`);
    await waitFor(socket, log, cause, child);
  } finally {
    if (held) await unlink(lock).catch(() => undefined);
  }
}

/** True when we hold the lock; false when another living process does. */
async function acquire(lock: string): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(lock, "wx", 0o600);
      await file.write(String(process.pid));
      await file.close();
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      const pid = Number(await readFile(lock, "utf8").catch(() => ""));
      if (pid > 0 && isAlive(pid)) return false;
      await unlink(lock).catch(() => undefined);
    }
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function answers(socket: string): Promise<boolean> {
  try {
    const stream = await connectSocket({ unix: socket });
    stream.close();
    return true;
  } catch {
    return false;
  }
}

async function waitFor(socket: string, log: string, cause: Error, child: Bun.Subprocess | null): Promise<void> {
  const until = Date.now() + patienceMs;
  while (Date.now() < until) {
    if (await answers(socket)) return;
    if (child && child.exitCode !== null) break;
    await Bun.sleep(20);
  }
  const text = await readFile(log, "utf8").catch(() => "");
  const end = text.trimEnd().split("\n").slice(-5).join("\n");
  throw new Error(`${cause.message}\nstarting a daemon failed; the end of ${log}:\n${end}`, { cause });
}
