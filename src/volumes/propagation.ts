/** Whether the mount that a bind source is on lets propagate what the container's mount asks for. */
import { readFile, realpath } from "node:fs/promises";
import { invalidArgument } from "../lib/errors.ts";
import { requireSource } from "./bind-source.ts";

/**
 * Throws in Docker's words when `source` is on a private mount and `propagation` needs a shared one (`shared`) or one that
 * is shared or a slave (`slave`): the kernel would accept the bind and propagate nothing.
 */
export async function checkPropagation(source: string, propagation: string): Promise<void> {
  const kind = propagation.replace(/^r/, "");
  if (kind !== "shared" && kind !== "slave") return;
  await requireSource(source);
  const { point, peers } = mountOf(await realpath(source), await readFile("/proc/self/mountinfo", "utf8"));
  const fits = kind === "shared" ? peers.shared : peers.shared || peers.slave;
  if (fits) return;
  const wanted = kind === "shared" ? "a shared mount" : "a shared or slave mount";
  throw invalidArgument(`path ${source} is mounted on ${point} but it is not ${wanted}`);
}

/** The last mount at the longest mount point that holds `path` (proc_pid_mountinfo(5)). */
export function mountOf(
  path: string,
  mountinfo: string,
): { readonly point: string; readonly peers: { readonly shared: boolean; readonly slave: boolean } } {
  let found = { point: "", peers: { shared: false, slave: false } };
  for (const line of mountinfo.split("\n")) {
    const [, , , , escaped = "", , ...rest] = line.split(" ");
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (point === "" || !holds || point.length < found.point.length) continue;
    const tags = rest.slice(0, rest.indexOf("-"));
    const has = (tag: string): boolean => tags.some((word) => word.startsWith(`${tag}:`));
    found = { point, peers: { shared: has("shared"), slave: has("master") } };
  }
  return found;
}
