/**
 * `cp` both ways. Archives are made and unpacked by the host's tar(1), which refuses to leave its directory; where the
 * copied thing goes follows cp(1): into an existing directory, else under the target's own name.
 */

import type { Stats } from "node:fs";
import { lstat, mkdtemp, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { ContainerPathStat } from "../../api/containers.ts";
import { paths } from "../../api/paths.ts";
import { ApiError, type Client } from "../../client/client.ts";
import { to as route } from "../../client/route-call.ts";
import { humanSize } from "../../lib/units.ts";
import type { Cli } from "../cli.ts";
import { errnoWords } from "../text-file.ts";
import { resolvePath } from "./local-path.ts";

export interface CopyOptions {
  readonly archive: boolean;
  readonly follow: boolean;
  readonly quiet: boolean;
}

/** `CONTAINER:PATH`, or a path here when it starts like one or has no colon. */
export function parseCopyArgument(text: string): { container: string; path: string } {
  const at = text.indexOf(":");
  if (text.startsWith("/") || text.startsWith(".") || at < 0) return { container: "", path: text };
  return { container: text.slice(0, at), path: text.slice(at + 1) };
}

/** Bits of Go's os.FileMode. */
const modeDirectory = 0x80000000;
const modeLink = 0x08000000;
const modeDevice = 0x04000000;
const modeIrregular = 0x00080000;

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

/** True when a path names what is inside a directory rather than the directory. */
const meansContents = (path: string): boolean => /(^|\/)\.$/.test(path);
const asksDirectory = (path: string): boolean => path.endsWith("/") || meansContents(path);

/** What a path in the container is; null when the daemon cannot tell, which the copy itself then tells better. */
async function statInside(client: Client, container: string, path: string): Promise<ContainerPathStat | null> {
  try {
    return pathStat(await client.head(route(paths.containerStatPath, { id: container }, { path })));
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}

function pathStat(headers: ReadonlyMap<string, string>): ContainerPathStat {
  const text = Buffer.from(headers.get("x-docker-container-path-stat") ?? "", "base64").toString();
  return JSON.parse(text) as ContainerPathStat;
}

/** Where a link in a container leads, seen from its own directory. */
const linkTargetOf = (path: string, { linkTarget }: ContainerPathStat): string =>
  linkTarget.startsWith("/") ? linkTarget : join(dirname(path), linkTarget);

/** Out of a container. */
export async function copyFrom(
  cli: Cli,
  container: string,
  path: string,
  to: string,
  options: CopyOptions,
): Promise<void> {
  const client = await cli.client();
  const output = to === "-" ? null : await checkOutput(to);
  let source = path;
  let name = "";
  if (options.follow) {
    const found = await statInside(client, container, source);
    if (found && has(found.mode, modeLink)) {
      // What the link leads to, under the link's name.
      name = basename(source);
      source = linkTargetOf(source, found);
    }
  }
  const { headers, body } = await client.stream(route(paths.containerGetArchive, { id: container }, { path: source }));
  if (output === null) {
    for await (const bytes of body) await cli.stdout.bytes(bytes);
    return;
  }
  const found = pathStat(headers);
  const { target, existing } = output;
  const isDirectory = has(found.mode, modeDirectory);
  if (existing && !existing.isDirectory() && isDirectory) throw new Error("cannot copy directory");
  if (!existing && asksDirectory(to) && !isDirectory) throw new Error("no such directory");
  const parent = existing?.isDirectory() ? target : dirname(target);
  const counted = new CountedBytes(body);
  // Unpacked beside the target first, so that the archive chooses no name there.
  const staging = await mkdtemp(join(parent, ".dhow-cp-"));
  try {
    await unpack(counted, staging, options.archive);
    const inside = meansContents(source) ? staging : join(staging, basename(source === "/" ? found.name : source));
    const from = (await lstat(inside).catch(() => null)) ? inside : join(staging, found.name);
    const contents = existing?.isDirectory() && meansContents(source);
    // In a directory, what is there gives way; a link that was named itself is followed.
    if (contents) await runTool(["cp", "-a", "--remove-destination", "--", `${from}/.`, target]);
    else {
      const within = existing?.isDirectory() === true;
      const final = within ? join(target, name || basename(from)) : target;
      const replace = within ? ["--remove-destination"] : [];
      if (await lstat(final).catch(() => null)) await runTool(["cp", "-a", ...replace, "-T", "--", from, final]);
      else await rename(from, final);
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  tell(cli, options, counted.bytes, target);
}

/** The local path that a copy goes to, and what is there; throws in Docker's words where nothing can be put. */
async function checkOutput(to: string): Promise<{ target: string; existing: Stats | null }> {
  const target = resolvePath(to);
  const parent = dirname(target);
  // A slash at the end wants a directory, which the system itself checks.
  const asked = asksDirectory(to) && target !== "/" ? `${target}/` : target;
  try {
    await stat(parent);
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      throw new Error(`invalid output path: directory ${JSON.stringify(parent)} does not exist`);
    }
  }
  const existing = await stat(asked).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw new Error(`stat ${asked}: ${errnoWords(error)}`);
  });
  if (existing?.isCharacterDevice() || existing?.isBlockDevice()) {
    const what = JSON.stringify(target);
    throw new Error(`invalid output path: ${what} must be a directory or a regular file: got a device`);
  }
  return { target: existing ? target : await throughLinks(target), existing };
}

/** Where a link leads that leads to nothing yet: what is copied is made there. */
async function throughLinks(path: string): Promise<string> {
  let at = path;
  for (let links = 0; links < 40; links++) {
    const link = await readlink(at).catch(() => null);
    if (link === null) break;
    at = resolve(dirname(at), link);
  }
  return at;
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** Into a container. */
export async function copyTo(
  cli: Cli,
  from: string,
  container: string,
  path: string,
  options: CopyOptions,
): Promise<void> {
  const client = await cli.client();
  let target = path.startsWith("/") ? path : `/${path}`;
  let found = await statInside(client, container, target);
  if (found && has(found.mode, modeLink)) {
    target = linkTargetOf(target, found);
    found = await statInside(client, container, target);
  }
  if (found && (has(found.mode, modeDevice) || has(found.mode, modeIrregular))) {
    const what = has(found.mode, modeDevice) ? "a device" : "an irregular file";
    throw new Error(`destination "${container}:${path}" must be a directory or a regular file: got ${what}`);
  }
  const targetIsDirectory = found !== null && has(found.mode, modeDirectory);
  if (from === "-") {
    if (!targetIsDirectory)
      throw new Error(`destination ${JSON.stringify(`${container}:${path}`)} must be a directory`);
    return put(client, container, target, Bun.stdin.stream(), options);
  }
  const local = resolvePath(from);
  // A slash at the end, or a dot, means what a link leads to, and that it is a directory.
  const follow = options.follow || asksDirectory(from);
  const info = await (follow ? stat(local) : lstat(local)).catch(() => null);
  if (!info) throw new Error(`lstat ${local}: no such file or directory`);
  if (asksDirectory(from) && !info.isDirectory()) throw new Error("not a directory");
  if (!targetIsDirectory && found && info.isDirectory()) throw new Error("cannot copy directory");
  if (path === "" || (!targetIsDirectory && asksDirectory(path) && !info.isDirectory()))
    throw new Error("no such directory");
  const real = follow ? await realpath(local) : local;
  const contents = meansContents(from);
  const into = targetIsDirectory ? target : dirname(target);
  const name = targetIsDirectory ? basename(local) : basename(target);
  const argv = packCommand(real, contents && targetIsDirectory ? null : name);
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  const counted = new CountedBytes(child.stdout);
  await put(client, container, into, counted, options);
  if ((await child.exited) !== 0) throw new Error(`reading ${from} failed`);
  tell(cli, options, counted.bytes, `${container}:${path}`);
}

/**
 * The command that writes `path` to its standard output as an archive: what is inside it, or the whole of it as `name`.
 * tar(1) renames the one top entry, and the targets of hard links below it, as it writes; a leading ./ keeps names with a
 * dash from being options.
 */
export function packCommand(path: string, name: string | null): string[] {
  if (name === null) return ["tar", "-C", path, "-b", "1", "-cf", "-", "."];
  const top = basename(path);
  const rename = `flags=rh;s,^\\./${quote(top)},./${quoteReplacement(name)},`;
  return ["tar", "-C", dirname(path), "--transform", rename, "-b", "1", "-cf", "-", `./${top}`];
}

const quote = (text: string): string => text.replace(/[\\.*[\]^$,]/g, "\\$&");
const quoteReplacement = (text: string): string => text.replace(/[\\&,]/g, "\\$&");

/** Bytes on their way, counted. */
class CountedBytes implements AsyncIterable<Uint8Array> {
  bytes = 0;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for await (const piece of this.#source) {
      this.bytes += piece.length;
      yield piece;
    }
  }
}

function tell(cli: Cli, options: CopyOptions, bytes: number, target: string): void {
  if (!options.quiet) cli.err(`Successfully copied ${humanSize(bytes, 3)} to ${target}\n`);
}

async function put(
  client: Client,
  container: string,
  path: string,
  body: AsyncIterable<Uint8Array>,
  options: CopyOptions,
): Promise<void> {
  const query = { path, noOverwriteDirNonDir: true, copyUIDGID: options.archive };
  await client.json(route(paths.containerPutArchive, { id: container }, query), {
    headers: { "Content-Type": "application/x-tar" },
    body,
  });
}

async function unpack(body: AsyncIterable<Uint8Array>, directory: string, keepOwner: boolean): Promise<void> {
  const owner = keepOwner ? "--same-owner" : "--no-same-owner";
  const child = Bun.spawn(["tar", "-C", directory, owner, "-p", "-xf", "-"], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  try {
    for await (const bytes of body) {
      child.stdin.write(bytes);
      await child.stdin.flush();
    }
  } finally {
    child.stdin.end();
  }
  if ((await child.exited) !== 0)
    throw new Error(`unpacking failed: ${(await new Response(child.stderr).text()).trim()}`);
}

async function runTool(argv: string[]): Promise<void> {
  const child = Bun.spawn(argv, { stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error((await new Response(child.stderr).text()).trim());
}
