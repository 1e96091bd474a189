/** Build contexts made from a table, and what an image holds as text, so that two engines' images can be held against each other. */
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TarReader } from "../../src/lib/tar/reader.ts";
import type { BuildCase } from "../fixtures/builds/cases.ts";
import { run, succeed } from "./command.ts";

/** Writes the case's context into a new directory. */
export async function makeContext({ dockerfile, files, modes, links, archives }: BuildCase): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "dhow-build-"));
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  writeFileSync(place("Dockerfile"), dockerfile);
  for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
  for (const [path, target] of Object.entries(links ?? {})) symlinkSync(target, place(path));
  for (const [path, { of, owner }] of Object.entries(archives ?? {})) {
    const packed = path.endsWith(".gz") ? "-z" : "--no-auto-compress";
    const ids = ["--numeric-owner", `--owner=${owner}`, `--group=${owner + 1}`];
    await succeed(["tar", "-C", root, "-c", packed, ...ids, "-f", place(path), ...of]);
  }
  for (const [path, mode] of Object.entries(modes ?? {})) chmodSync(join(root, path), mode);
  return root;
}

/** What a runtime puts into every container. */
const stubs = /^(\.dockerenv|dev|proc|sys|etc\/(hostname|hosts|mtab|resolv\.conf)|dev\/(console|pts|shm))?\/?$/;

/** One line for each file of a container of the image: mode, owner, type, size, path, and where a link leads. */
async function filesOf(client: readonly string[], env: Record<string, string>, image: string): Promise<string[]> {
  const id = await succeed([...client, "create", image, "/x"], { env });
  const child = Bun.spawn([...client, "export", id], { env: { ...process.env, ...env }, stdout: "pipe" });
  const lines: string[] = [];
  const reader = new TarReader({
    entry: ({ path, type, mode, uid, gid, size, linkPath }) => {
      const name = path.toString().replace(/^\.\//, "").replace(/\/$/, "");
      if (stubs.test(name)) return;
      const link = linkPath.length > 0 ? ` -> ${linkPath.toString().replace(/^\.\//, "")}` : "";
      lines.push(`${mode.toString(8).padStart(4, "0")} ${uid}:${gid} ${type} ${size} ${name}${link}`);
    },
    data() {},
    hole() {},
    end() {},
  });
  for await (const chunk of child.stdout) reader.push(chunk);
  reader.finish();
  await succeed([...client, "rm", id], { env });
  return lines.sort((a, b) => (pathIn(a) < pathIn(b) ? -1 : 1));
}

const pathIn = (line: string): string => line.split(" ").slice(4).join(" ");

/** What the image has that `base` has not: files, configuration, and the commands of its history. */
export async function describeImage(
  client: readonly string[],
  env: Record<string, string>,
  { image, base }: { readonly image: string; readonly base: string },
): Promise<string> {
  const below = new Set(await filesOf(client, env, base));
  const files = (await filesOf(client, env, image)).filter((line) => !below.has(line));
  const config = JSON.parse(await succeed([...client, "inspect", "-f", "{{json .Config}}", image], { env })) as object;
  const shown = Object.entries(config)
    .filter(([, value]) => value !== null && value !== "" && value !== false)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const history = await run([...client, "history", "--no-trunc", "--format", "{{.CreatedBy}}", image], { env });
  const rows = history.stdout.trimEnd().split("\n").reverse();
  return `${[...files, "", ...shown, "", ...rows].join("\n")}\n`;
}
