/** Builds the cases of test/fixtures/builds by a client, dhow's or Docker's, and tells what came of them. */
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { AT_FDCWD, close, openAt } from "../../src/linux/file.ts";
import { setxattr } from "../../src/linux/xattr.ts";
import type { BuildCase } from "../fixtures/builds/cases.ts";
import { describeImage } from "./built-image.ts";
import { type CommandResult, run, succeed } from "./command.ts";
import { GitServer } from "./git-server.ts";

/** All files of a context were last changed then: 3 February 2001. */
const changedAt = 981_173_106;

/** Servers of what the cases fetch. */
export class CaseServers implements AsyncDisposable {
  readonly #git: GitServer;
  readonly #http: Bun.Server<undefined>;

  private constructor(git: GitServer, http: Bun.Server<undefined>) {
    this.#git = git;
    this.#http = http;
  }

  static async start(): Promise<CaseServers> {
    const git = await GitServer.start();
    chmodSync(git.root, 0o755);
    await git.commit("app", { f: "main\n", run: "#!/bin/sh\n", "sub/g": "G\n", "sub/deep/h": "H\n" });
    await git.git("app", "update-index", "--chmod=+x", "run");
    await git.git("app", "tag", "-a", "-m", "x", "v1");
    await git.git("app", "checkout", "-q", "-b", "other");
    await git.commit("app", { f: "other\n" });
    const tar = await archive();
    const dated = { "last-modified": new Date(changedAt * 1000).toUTCString() };
    const http = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch({ url }): Response {
        const { pathname } = new URL(url);
        if (pathname === "/moved") return Response.redirect("/file.txt", 302);
        if (pathname === "/undated") return new Response("undated\n");
        if (pathname === "/t.tar.gz") return new Response(tar, { headers: dated });
        if (pathname.startsWith("/none")) return new Response("", { status: 404 });
        return new Response(`${pathname}\n`, { headers: dated });
      },
    });
    return new CaseServers(git, http);
  }

  /** `@git` and `@http` in a text by where they are. */
  placed(text: string): string {
    return text.replaceAll("@git", `http://${this.#git.host}`).replaceAll("@http", this.#http.url.origin);
  }

  /** The other way round. */
  named(text: string): string {
    return text.replaceAll(`http://${this.#git.host}`, "@git").replaceAll(this.#http.url.origin, "@http");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.stop(true);
    await this.#git[Symbol.asyncDispose]();
  }
}

async function archive(): Promise<Uint8Array<ArrayBuffer>> {
  const root = mkdtempSync(join(tmpdir(), "dhow-build-"));
  writeFileSync(join(root, "packed"), "packed\n");
  const tar = Bun.spawnSync(["tar", "-C", root, "-cz", "--mtime=@981173106", "--owner=5", "--group=6", "packed"]);
  rmSync(root, { recursive: true });
  return new Uint8Array(tar.stdout);
}

/** Writes the case's context into a new directory, and what stands beside it into another. */
export async function makeContext(one: BuildCase, servers: CaseServers | null): Promise<string> {
  const whole = mkdtempSync(join(tmpdir(), "dhow-build-"));
  const root = join(whole, "context");
  const place = (path: string, top = root): string => {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    return join(top, path);
  };
  writeFileSync(place("Dockerfile"), servers?.placed(one.dockerfile) ?? one.dockerfile);
  if (one.before) writeFileSync(place("before", whole), one.before);
  for (const [path, text] of Object.entries(one.files)) writeFileSync(place(path), text);
  for (const [path, text] of Object.entries(one.beside ?? {})) writeFileSync(place(path, join(whole, "beside")), text);
  for (const path of one.keys ?? [])
    await succeed(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place(path, join(whole, "beside"))]);
  for (const [path, text] of Object.entries(one.packed ?? {})) writeFileSync(place(path), gzipSync(text));
  for (const [path, target] of Object.entries(one.links ?? {})) symlinkSync(target, place(path));
  for (const [path, target] of Object.entries(one.hardLinks ?? {})) linkSync(join(root, target), place(path));
  for (const path of one.pipes ?? []) await succeed(["mkfifo", place(path)]);
  for (const [path, mode] of Object.entries(one.modes ?? {})) chmodSync(join(root, path), mode);
  for (const [path, values] of Object.entries(one.attributes ?? {})) setAttributes(join(root, path), values);
  setTimes(root);
  for (const [path, { of, owner, packed }] of Object.entries(one.archives ?? {})) {
    const how = packed ? [`--${packed}`] : ["-a"];
    const ids = ["--numeric-owner", `--owner=${owner}`, `--group=${owner + 1}`];
    const files = of.length > 0 ? of : ["-T", "/dev/null"];
    await succeed(["tar", "-C", root, "-c", ...how, ...ids, "-f", place(path), ...files]);
  }
  setTimes(root);
  return whole;
}

function setAttributes(path: string, values: Readonly<Record<string, string>>): void {
  const fd = openAt(AT_FDCWD, path, 0);
  try {
    for (const [name, value] of Object.entries(values))
      setxattr(fd, name, Buffer.from(value, name.startsWith("security.") ? "base64" : "utf8"));
  } finally {
    close(fd);
  }
}

function setTimes(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true }))
    lutimesSync(join(entry.parentPath, entry.name), changedAt, changedAt);
}

/** A client's command, and what it is run with. */
export interface CaseClient {
  readonly client: readonly string[];
  /** As `client`, up to and with `build`, and what says that the image is to be had afterwards. */
  readonly build: readonly string[];
  readonly env: Record<string, string>;
}

/** Builds the case; its description, or what the build failed with. */
export async function buildCase(
  { client, build, env }: CaseClient,
  one: BuildCase,
  servers: CaseServers,
): Promise<string> {
  const whole = await makeContext(one, servers);
  const context = join(whole, "context");
  const beside = join(whole, "beside");
  const withProtocol = { ...env, ...(one.args === undefined ? {} : { DOCKER_BUILDKIT: "1" }) };
  try {
    const base = one.before === undefined ? "busybox" : "before";
    if (one.before !== undefined)
      await succeed([...build, "-q", "-t", base, "-f", join(whole, "before"), context], { env: withProtocol });
    const args = (one.args ?? []).map((arg) => servers.placed(arg.replaceAll("@beside", beside)));
    const command = [...build, "-q", "-t", "built", ...args, context];
    const { code, stderr }: CommandResult = await run(command, { env: withProtocol, timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`${one.name}: ${stderr}`);
    return servers.named(await describeImage(client, env, { image: "built", base: "busybox" }));
  } finally {
    rmSync(whole, { recursive: true });
  }
}
