/**
 * Starts a daemon in the background for a user who has none: one at a time (flock(2), so that a CLI that dies frees it), in a
 * session of its own, its output in a log file that the message names; returns once it answers.
 */
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { connectSocket } from "../client/byte-stream.ts";
import { selfCommand } from "../lib/self.ts";
import { lock } from "../linux/flock.ts";

const patienceMs = 30_000;
/** A daemon that ended at once may have lost to another that is still starting. */
const rivalMs = 1_500;

/** Where the daemon is to answer, and how it is started. */
export interface Autostart {
  /** Path of the socket. */
  readonly socket: string;
  /** What `dhow daemon` is given beyond its configuration file. */
  readonly flags: readonly string[];
  /** Output of the daemon; appended to. */
  readonly log: string;
}

/** What is started for a default address; null where the address is nothing that a daemon could listen on. */
export function autostartFor(address: string): Autostart | null {
  const socket = /^unix:\/\/(\/.+)$/.exec(address)?.[1];
  if (socket === undefined) return null;
  const own = process.env.DHOW_SOCKET === socket;
  return {
    socket,
    flags: own || socket === "/run/dhow.sock" ? [] : ["--host", address],
    log: own ? `${socket.replace(/\.sock$/, "")}.log` : "/var/log/dhow.log",
  };
}

/** Starts a daemon and waits until it answers; throws the end of its log as the reason when it does not. */
export async function startDaemon(start: Autostart, say: (text: string) => Promise<void>): Promise<void> {
  const { socket, flags, log } = start;
  await mkdir(dirname(socket), { recursive: true });
  using _held = await lock(`${socket}.lock`, AbortSignal.timeout(patienceMs));
  if (await answers(socket)) return;
  await say(`dhow: no daemon at unix://${socket}, starting one in the background (log: ${log})\n`);
  const file = await open(log, "a", 0o640);
  const { size: from } = await file.stat();
  // setsid(1) rather than a bare child: the daemon must not die with this terminal.
  const child = Bun.spawn(["setsid", ...selfCommand("daemon", ...flags)], {
    stdin: "ignore",
    stdout: file.fd,
    stderr: file.fd,
    cwd: "/",
  });
  child.unref();
  await file.close();
  if (await answersInTime(socket, child)) return;
  const text = (await readFile(log)).subarray(from).toString("utf8");
  const end = text.trimEnd().split("\n").slice(-5).join("\n");
  throw new Error(`starting a daemon failed; the end of ${log}:\n${end}`);
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

async function answersInTime(socket: string, child: Bun.Subprocess): Promise<boolean> {
  let until = Date.now() + patienceMs;
  let ended = false;
  while (Date.now() < until) {
    if (await answers(socket)) return true;
    if (!ended && child.exitCode !== null) {
      ended = true;
      until = Date.now() + rivalMs;
    }
    await Bun.sleep(10);
  }
  return false;
}
