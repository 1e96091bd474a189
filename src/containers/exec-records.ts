/**
 * What is kept of execs beside their container's bundle in the exec root: they live no longer than the boot, and go with
 * the container's process. Written when an exec is made and when it has ended; whether it runs, the runtime knows.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ExecConfig } from "../api/exec.ts";
import { messageOf } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { type Context, pathsOf } from "./context.ts";

const schema = v.object({
  config: ExecConfig,
  exitCode: v.nullable(v.number()),
  pid: v.number(),
  /** Milliseconds since the epoch; null until it has ended. */
  endedAt: v.nullable(v.number()),
});

export type ExecRecord = v.InferOutput<typeof schema>;

const directoryOf = (ctx: Context, containerId: string): string => join(pathsOf(ctx, containerId).bundle, "execs");

/** Keeps an exec, in one step: a reader sees the record before or after. A container that is gone keeps none. */
export function keepExec(ctx: Context, containerId: string, id: string, record: ExecRecord): void {
  const directory = directoryOf(ctx, containerId);
  const path = join(directory, id);
  const write = (): void => writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  try {
    try {
      write();
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      mkdirSync(directory, { mode: 0o700 });
      write();
    }
    renameSync(`${path}.new`, path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

export function dropExec(ctx: Context, containerId: string, id: string): void {
  rmSync(join(directoryOf(ctx, containerId), id), { force: true });
}

/** The execs that are kept of a container; one that cannot be read is reported and left out. */
export function keptExecs(ctx: Context, containerId: string): Map<string, ExecRecord> {
  const kept = new Map<string, ExecRecord>();
  const directory = directoryOf(ctx, containerId);
  for (const id of namesIn(directory)) {
    try {
      kept.set(id, v.parse(schema, JSON.parse(readFileSync(join(directory, id), "utf8"))));
    } catch (error) {
      ctx.log(`exec ${id}: its record is unreadable: ${messageOf(error)}`);
    }
  }
  return kept;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
