import type { ContainerTopResponse } from "../api/containers.ts";
import { invalidArgument, systemError } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { type Context, emit } from "./context.ts";
import { refuse } from "./lifecycle.ts";

/** Processes of a running container as the host's `ps` shows them. */
export async function topContainer(ctx: Context, container: Container, psArgs: string): Promise<ContainerTopResponse> {
  refuse("top", container);
  const args = psArgs.trim() === "" ? ["-ef"] : psArgs.trim().split(/\s+/);
  const [pids, text] = await Promise.all([ctx.cgroups.processes(container.record.state.pid), runPs(args)]);
  const response = parsePs(text, new Set(pids));
  emit(ctx, container, "top");
  return response;
}

/** Keeps the rows of `pids` from the output of ps. */
export function parsePs(text: string, pids: ReadonlySet<number>): ContainerTopResponse {
  const [header = "", ...lines] = text.split("\n");
  const Titles = header.trim().split(/\s+/);
  const pidColumn = Titles.indexOf("PID");
  if (pidColumn < 0) throw invalidArgument("Couldn't find PID field in ps output");
  const Processes: string[][] = [];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (!pids.has(Number(fields[pidColumn]))) continue;
    // The last column is a command with blanks.
    Processes.push([...fields.slice(0, Titles.length - 1), fields.slice(Titles.length - 1).join(" ")]);
  }
  return { Titles, Processes };
}

async function runPs(args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["ps", ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  const [out, problem, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw systemError(`ps: ${problem.trim() || `exit status ${code}`}`);
  return out;
}
