/**
 * Named fail points at durable steps, in test builds only.
 *
 * Settings are a comma-separated list of `name=mode`, mode being `error`, `kill` (SIGKILL of this process), `enospc`, `eio`, or
 * `delay:MS`; a mode may be followed by `@N` to act on the Nth passage only, or by `@N+` to act from there on. They are taken from `DHOW_FAIL_POINTS`, once,
 * or from the file that `DHOW_FAIL_POINTS_FILE` names, at every passage: so a test arms a point when it likes, in whichever
 * of the engine's processes passes it. A `kill` takes that file away, so that what is started next does not die of it.
 * Release builds are made with `FAIL_POINTS` defined as `false`, so that bundling removes the bodies.
 */
import { readFileSync, rmSync } from "node:fs";
import { DhowError, systemError } from "./errors.ts";

declare const FAIL_POINTS: boolean | undefined;

const enabled = typeof FAIL_POINTS !== "undefined" && FAIL_POINTS === true;

interface Setting {
  mode: string;
  /** The first and the last passage that it acts on. */
  first: number;
  last: number;
}

let text = "";
const settings = new Map<string, Setting>();
const passages = new Map<string, number>();

if (enabled) read(process.env.DHOW_FAIL_POINTS ?? "");

/** Takes other settings than before, which begin to count passages anew. */
function read(next: string): void {
  if (next === text) return;
  text = next;
  settings.clear();
  passages.clear();
  for (const part of text.split(",")) {
    const [name, rest] = part.split("=", 2);
    if (!name || !rest) continue;
    const [mode, nth] = rest.split("@", 2);
    const first = nth ? Number.parseInt(nth, 10) : 1;
    settings.set(name, { mode: mode ?? "", first, last: nth && !nth.endsWith("+") ? first : Number.POSITIVE_INFINITY });
  }
}

/** True in a build that has fail points. */
export const failPointsEnabled: boolean = enabled;

/** What a child of the engine that is to pass fail points needs in its environment; nothing in a release build. */
export function failPointEnvironment(): Record<string, string> {
  if (!enabled) return {};
  const names = ["DHOW_FAIL_POINTS", "DHOW_FAIL_POINTS_FILE"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Passes the fail point `name`; does nothing in a release build. */
export function failPoint(name: string): void {
  if (!enabled) return;
  const file = process.env.DHOW_FAIL_POINTS_FILE;
  if (file) read(contentsOf(file));
  const setting = settings.get(name);
  if (!setting) return;
  const passage = (passages.get(name) ?? 0) + 1;
  passages.set(name, passage);
  if (passage < setting.first || passage > setting.last) return;
  if (file && setting.mode === "kill") rmSync(file);
  act(name, setting.mode);
}

function contentsOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

function act(name: string, mode: string): void {
  if (mode === "kill") process.kill(process.pid, "SIGKILL");
  if (mode === "enospc") throw refused(name, "ENOSPC", "no space left on device");
  if (mode === "eio") throw refused(name, "EIO", "input/output error");
  if (mode.startsWith("delay:")) Bun.sleepSync(Number(mode.slice("delay:".length)));
  if (mode === "error") throw systemError(`fail point ${name}`);
}

/** As a write that the kernel refuses is seen, code included: who looks at the errno finds it. */
function refused(name: string, code: "ENOSPC" | "EIO", why: string): DhowError {
  const kind = code === "ENOSPC" ? "resourceExhausted" : "internal";
  return Object.assign(new DhowError(kind, `write failed at ${name}: ${why}`), { code });
}
