/** Names for links and namespaces of tests that no other run has, nor one that died before it could clean up. */
import { randomBytes } from "node:crypto";
import { run } from "./command.ts";

const given = new Set<string>();

/**
 * A name that begins with `prefix`, which nobody else may use: what earlier runs left under it is taken away first. Four
 * letters and a dash longer than `prefix`, a device's name being 15 letters at most.
 */
export async function freshName(prefix: string): Promise<string> {
  const isLeft = (name = ""): boolean => name.startsWith(`${prefix}-`) && !given.has(name);
  const links = (await run(["ip", "-o", "link"])).stdout.split("\n").map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1]);
  for (const name of links) if (name && isLeft(name)) await run(["ip", "link", "delete", name]);
  const namespaces = (await run(["ip", "netns", "list"])).stdout.split("\n").map((line) => line.split(" ")[0]);
  for (const name of namespaces) if (name && isLeft(name)) await run(["ip", "netns", "delete", name]);
  const name = `${prefix}-${randomBytes(2).toString("hex")}`;
  given.add(name);
  return name;
}
