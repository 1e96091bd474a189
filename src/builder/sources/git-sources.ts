/**
 * Git repositories that builds take files from:
 *
 *     <root>/<sha256 of the remote>/   a bare repository, kept between builds
 */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { runHelper } from "../../helper/helper-process.ts";
import type { Operation } from "../../lib/operation.ts";
import { NamedLocks } from "../../lib/operation-lock.ts";
import type { Credentials } from "../../lib/url-credentials.ts";
import { UseCounts } from "../../lib/use-counts.ts";
import { usageOf } from "../../snapshots/usage.ts";
import type { KeptDirectories, KeptDirectory } from "../cache/cache-keeper.ts";
import type { SecretSource, SshSource } from "../request-sources.ts";
import { AgentProxy } from "../steps/agent-proxy.ts";
import type { GitRequest, GitSource } from "./git-helper.ts";
import { type GitRoom, gitUser } from "./git-process.ts";

/** Who may be asked for a repository's credentials. */
export interface GitAccess {
  /** Those that stood in the address. */
  readonly credentials: Credentials | null;
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
}

/** A commit's files, below the directory that was given for them. */
export interface GitTree {
  /** The repository's root, or the subdirectory that is meant. */
  readonly root: string;
  /** 40 or 64 hex digits. */
  readonly commit: string;
}

export class GitSources implements KeptDirectories {
  readonly #root: string;
  readonly #discard: (path: string) => void;
  readonly #locks = new NamedLocks();
  readonly #users = new UseCounts();

  constructor(root: string, discard: (path: string) => void) {
    this.#root = root;
    this.#discard = discard;
  }

  /**
   * Checks the commit out below `directory`, which is the caller's. Throws `notFound` for a reference or subdirectory that is not
   * there, `invalidArgument` for another commit than the checksum says, `unavailable` in git's words.
   */
  async checkOut(source: GitSource, access: GitAccess, directory: string, op: Operation): Promise<GitTree> {
    const id = new Bun.CryptoHasher("sha256").update(source.remote).digest("hex");
    const repository = join(this.#root, id);
    const tree = mkdtempSync(join(directory, "tree-"));
    using _ = this.#users.take(id);
    return await this.#locks.run(id, async () => {
      op.signal.throwIfAborted();
      mkdirSync(repository, { recursive: true, mode: 0o700 });
      utimesSync(repository, new Date(), new Date());
      await using stack = new AsyncDisposableStack();
      const agent = await agentFor(source, access.ssh, directory, stack, op);
      const headers = await headersFor(source.remote, access, op);
      const request: GitRequest = { source, room: { repository, tree, agent } };
      const input = Readable.from([Buffer.from(JSON.stringify(headers))]);
      const { commit } = await runHelper<{ commit: string }>("git-checkout", request, input, op.signal);
      return { root: join(tree, source.subdirectory), commit };
    });
  }

  async list(): Promise<KeptDirectory[]> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    return await Promise.all(
      readdirSync(this.#root).map(async (id) => {
        const path = join(this.#root, id);
        const { birthtime, mtime } = statSync(path);
        const { size } = await usageOf(path);
        return { id, size, inUse: this.#users.has(id), createdAt: birthtime, lastUsedAt: mtime };
      }),
    );
  }

  /** Throws one away; false when it is in use or gone. */
  remove(id: string): boolean {
    const path = join(this.#root, id);
    if (this.#users.has(id) || statSync(path, { throwIfNoEntry: false }) === undefined) return false;
    this.#discard(path);
    return true;
  }
}

/** A socket for git, where the address is ssh's and the client forwards its default agent. */
async function agentFor(
  { remote }: GitSource,
  ssh: SshSource,
  directory: string,
  stack: AsyncDisposableStack,
  op: Operation,
): Promise<string | null> {
  if (/^(https?|git):\/\//i.test(remote) || !(await ssh.has("default", op))) return null;
  const path = join(mkdtempSync(join(directory, "agent-")), "socket");
  stack.use(await AgentProxy.listen(path, () => ssh.connect("default", op)));
  chownSync(path, gitUser, gitUser);
  return path;
}

/**
 * The address's own credentials, else the secrets of that host as BuildKit names them: `GIT_AUTH_HEADER.<host>` or
 * `GIT_AUTH_TOKEN.<host>`, else those without a host. They are for requests to that host alone.
 */
async function headersFor(remote: string, access: GitAccess, op: Operation): Promise<GitRoom["headers"]> {
  if (!/^https?:\/\//i.test(remote)) return [];
  const { origin, host } = new URL(remote);
  const value = await authorization(host, access, op);
  return value === null ? [] : [{ below: `${origin}/`, header: `Authorization: ${value}` }];
}

async function authorization(host: string, { credentials, secrets }: GitAccess, op: Operation): Promise<string | null> {
  const basic = (user: string, password: string): string =>
    `basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  if (credentials !== null) return basic(credentials.user, credentials.password);
  for (const suffix of [`.${host}`, ""]) {
    const header = await secrets.read(`GIT_AUTH_HEADER${suffix}`, op);
    if (header !== null) return oneLine(header);
    const token = await secrets.read(`GIT_AUTH_TOKEN${suffix}`, op);
    if (token !== null) return basic("x-access-token", oneLine(token));
  }
  return null;
}

const oneLine = (secret: Uint8Array): string =>
  Buffer.from(secret)
    .toString()
    .replace(/[\r\n\0]+/g, "");
