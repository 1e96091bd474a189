/**
 * What the caller lends one RUN: secrets, as files and variables, and agents. The files lie on a tmpfs of the step's own below its
 * bundle, where the sweep after a crash unmounts them; nothing of them is part of a key, a layer or the history.
 */
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import { failPoint } from "../../lib/fail-point.ts";
import type { Operation } from "../../lib/operation.ts";
import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, unmount } from "../../linux/mount.ts";
import type { OciMount } from "../../runtime/spec/oci.ts";
import type { RunMount, RunWork } from "../dockerfile/plan/plan.ts";
import type { SecretSource, SshSource } from "../request-sources.ts";
import { AgentProxy } from "./agent-proxy.ts";

type SecretMount = Extract<RunMount, { readonly type: "secret" }>;
type SshMount = Extract<RunMount, { readonly type: "ssh" }>;

/** Who lends. */
export interface Lenders {
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
}

/** As BuildKit's clients have it. */
const largestSecret = 500 * 1024;
const secretMode = 0o400;
const agentMode = 0o600;

export class LentFiles implements AsyncDisposable {
  readonly mounts: OciMount[] = [];
  /** `NAME=value`. */
  readonly env: string[] = [];
  readonly #directory: string;
  readonly #proxies: AgentProxy[] = [];
  #isMounted = false;
  /** Asked for so far, forwarded or not. */
  #agents = 0;
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Takes what the RUN asks for; what is not given and not required is left out. Throws `notFound` for what is required and not
   * given, `invalidArgument` for a secret that is too big. `directory` is the step's own.
   */
  static async take(work: RunWork, directory: string, lenders: Lenders, op: Operation): Promise<LentFiles> {
    const lent = new LentFiles(join(directory, "secrets"));
    try {
      for (const one of work.mounts) {
        if (one.type === "secret") await lent.#secret(one, lenders.secrets, op);
        if (one.type === "ssh") await lent.#agent(one, lenders.ssh, op);
      }
      return lent;
    } catch (error) {
      await lent[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #secret(wanted: SecretMount, source: SecretSource, op: Operation): Promise<void> {
    const { id, env, target, isRequired } = wanted;
    const value = await source.read(id, op);
    if (value === null) {
      if (isRequired) throw notFound(`secret ${id}: not found`);
      return;
    }
    if (value.length > largestSecret) throw invalidArgument(`secret ${id} too big. max size 500KiB`);
    if (env !== null) {
      if (value.includes(0)) throw invalidArgument(`secret ${id} holds a NUL byte and cannot be a variable`);
      this.env.push(`${env}=${Buffer.from(value).toString()}`);
    }
    if (target === null) return;
    const path = this.#place();
    writeFileSync(path, value, { mode: 0o600, flag: "wx" });
    own(path, wanted, secretMode);
    failPoint("builder.run.lent");
    this.mounts.push(bind(path, target, ["ro", "nosuid", "nodev", "noexec"]));
  }

  async #agent(wanted: SshMount, source: SshSource, op: Operation): Promise<void> {
    const { id, isRequired } = wanted;
    const target = wanted.target ?? `/run/buildkit/ssh_agent.${this.#agents}`;
    // Also where there is none, as BuildKit has it.
    if (this.#agents === 0) this.env.push(`SSH_AUTH_SOCK=${target}`);
    this.#agents++;
    if (!(await source.has(id, op))) {
      if (isRequired) throw notFound(`unset ssh forward key ${id}`);
      return;
    }
    const path = this.#place();
    const proxy = await AgentProxy.listen(path, () => source.connect(id, op));
    this.#proxies.push(proxy);
    own(path, wanted, agentMode);
    this.mounts.push(bind(path, target, ["nosuid", "nodev", "noexec"]));
  }

  /** A path on the tmpfs, which is there from the first of them on. */
  #place(): string {
    if (!this.#isMounted) {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      mount("secrets", this.#directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
      this.#isMounted = true;
    }
    return join(this.#directory, String(this.#count++));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
    if (!this.#isMounted) return;
    unmount(this.#directory, MNT_DETACH);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function own(path: string, { uid, gid, mode }: SecretMount | SshMount, usual: number): void {
  chownSync(path, uid ?? 0, gid ?? 0);
  chmodSync(path, mode ?? usual);
}

const bind = (source: string, destination: string, options: readonly string[]): OciMount => ({
  type: "bind",
  source,
  destination,
  options: ["rbind", "rprivate", ...options],
});
