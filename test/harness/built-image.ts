/** What an image holds as text, so that two engines' images can be held against each other. */
import { TarReader } from "../../src/lib/tar/reader.ts";
import { run, succeed } from "./command.ts";

/** What a runtime puts into every container. */
const stubs = /^(\.dockerenv|dev|proc|sys|etc\/(hostname|hosts|mtab|resolv\.conf)|dev\/(console|pts|shm))?\/?$/;

/** Times that a test has set; others are those of the build. */
const newestTold = Date.UTC(2020, 0) / 1000;

/**
 * One line for each file of a container of the image: mode, owner, type, size, path, and where a link leads; its time where that
 * was given to it, and its attributes.
 */
async function filesOf(client: readonly string[], env: Record<string, string>, image: string): Promise<string[]> {
  const id = await succeed([...client, "create", image, "/x"], { env });
  const child = Bun.spawn([...client, "export", id], { env: { ...process.env, ...env }, stdout: "pipe" });
  const lines = new Map<string, string>();
  /** The first name of each file that has several, to all of them. */
  const names = new Map<string, string[]>();
  const reader = new TarReader({
    entry: ({ path, type, mode, uid, gid, size, linkPath, mtime, xattrs }) => {
      const name = clean(path);
      if (stubs.test(name)) return;
      if (type === "hardlink") {
        const first = clean(linkPath);
        names.set(first, [...(names.get(first) ?? [first]), name]);
        return;
      }
      const link = linkPath.length > 0 ? ` -> ${linkPath.toString()}` : "";
      const time = type !== "directory" && mtime.sec < newestTold ? ` at ${mtime.sec}` : "";
      // Docker exports no others.
      const kept = [...(xattrs ?? [])].filter(([key]) => key === "security.capability");
      const attributes = kept.map(([key, value]) => ` ${key}=${value.toString("base64")}`).sort();
      const facts = `${mode.toString(8).padStart(4, "0")} ${uid}:${gid} ${type} ${size}`;
      lines.set(name, `${facts} ${name}${link}${time}${attributes.join("")}`);
    },
    data() {},
    hole() {},
    end() {},
  });
  for await (const chunk of child.stdout) reader.push(chunk);
  reader.finish();
  await succeed([...client, "rm", id], { env });
  for (const [first, all] of names) {
    const line = lines.get(first) ?? "";
    lines.set(first, `${line} = ${all.sort().join(" ")}`);
  }
  return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
}

const clean = (path: Buffer): string =>
  path
    .toString()
    .replace(/^\.?\//, "")
    .replace(/\/$/, "");

/** What the image has that `base` has not: files, configuration, and the commands and sizes of its history. */
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
  const format = "{{.Size}} {{.CreatedBy}}";
  const history = await run([...client, "history", "--no-trunc", "--human=false", "--format", format, image], { env });
  const rows = history.stdout.trimEnd().split("\n").reverse();
  return `${[...files, "", ...shown, "", ...rows].join("\n")}\n`;
}
