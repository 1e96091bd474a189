/**
 * git, run so that a repository can do no harm: as nobody, without capabilities, in a mount and a process namespace of its own,
 * which end with this process. It sees its repository, its tree and nothing else of the engine's; no configuration but what is
 * said here; no hooks, filters, prompts or credential helpers; and it speaks http(s), ssh and git only.
 */
import { spawn } from "node:child_process";
import { invalidArgument, resourceExhausted, unavailable } from "../../lib/errors.ts";
import { carefulSettings, complaint } from "../../lib/git/careful.ts";
import { textOf } from "../../lib/git/said.ts";
import { statfs } from "../../linux/statfs.ts";

/** `nobody`. */
export const gitUser = 65534;

/** What git is shown, and what it may know; paths are the host's. */
export interface GitRoom {
  /** A bare repository, kept. */
  readonly repository: string;
  /** A directory for the files. */
  readonly tree: string;
  /** An agent's socket that {@link gitUser} may use; null is none. */
  readonly agent: string | null;
  /** Headers for requests below a URL, such as `https://example.com/`; seen by git alone. */
  readonly headers: readonly { readonly below: string; readonly header: string }[];
}

/** Where git sees its room: below a directory that everybody has and that is no part of the room's own paths. */
export interface GitPaths {
  readonly base: string;
  readonly repository: string;
  readonly tree: string;
}

const overallMs = 30 * 60_000;
/** Part of what is free on the disk that is left to others. */
const reservedShare = 0.1;

export function pathsIn(room: GitRoom): GitPaths {
  const outside = [room.repository, room.tree, room.agent ?? "/"];
  const base = ["/mnt", "/srv", "/media", "/opt"].find((one) => outside.every((path) => !path.startsWith(`${one}/`)));
  if (base === undefined) throw new Error(`git has no place for ${room.repository}`);
  return { base, repository: `${base}/repository`, tree: `${base}/tree` };
}

/** Lays out the room, then becomes git. */
const layOut = `
mount -t tmpfs -o mode=0755,size=256m,nosuid,nodev tmpfs "$1"
mkdir "$1/repository" "$1/tree"
mkdir -m 0777 "$1/home"
mount --bind "$2" "$1/repository"
mount --bind "$3" "$1/tree"
if [ -n "$4" ]; then : > "$1/agent"; mount --bind "$4" "$1/agent"; fi
base=$1
shift 4
cd "$base/repository"
exec setpriv --reuid=${gitUser} --regid=${gitUser} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
`;

const settings = [...carefulSettings, "core.askPass=", "credential.helper="];

const ssh = [
  "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=4",
  "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
].join(" ");

function environment(room: GitRoom, { base }: GitPaths): Record<string, string> {
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no|all)_proxy$/i.test(name));
  const headers = room.headers.flatMap(({ below, header }, i) => [
    [`GIT_CONFIG_KEY_${i}`, `http.${below}.extraheader`],
    [`GIT_CONFIG_VALUE_${i}`, header],
  ]);
  return {
    ...Object.fromEntries(proxies),
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LC_ALL: "C",
    HOME: `${base}/home`,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    GIT_SSH_COMMAND: ssh,
    GIT_LFS_SKIP_SMUDGE: "1",
    ...(room.agent === null ? {} : { SSH_AUTH_SOCK: `${base}/agent` }),
    GIT_CONFIG_COUNT: String(room.headers.length),
    ...Object.fromEntries(headers),
  };
}

export class Git {
  readonly paths: GitPaths;
  readonly #room: GitRoom;
  readonly #until = Date.now() + overallMs;
  readonly #reserved: number;

  constructor(room: GitRoom) {
    this.paths = pathsIn(room);
    this.#room = room;
    this.#reserved = statfs(room.repository).freeBytes * reservedShare;
  }

  /** What it writes; throws `unavailable` with what it complained of. */
  async run(args: readonly string[], extra: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, extra);
    if (code === 0) return stdout;
    throw unavailable(`git ${args.find((word) => !word.startsWith("-"))}: ${complaint(stderr) || `exit code ${code}`}`);
  }

  async try(
    args: readonly string[],
    extra: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const { repository, tree, agent } = this.#room;
    const confined = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "-m", "-p", "-f", "--kill-child"];
    const room = [this.paths.base, repository, tree, agent ?? ""];
    const command = ["git", ...settings.flatMap((one) => ["-c", one]), ...args];
    const [file = "", ...rest] = [...confined, "--", "sh", "-eu", "-c", layOut, "sh", ...room, ...command];
    const env = { ...environment(this.#room, this.paths), ...extra };
    const child = spawn(file, rest, { env, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
    let stopped: Error | null = null;
    const watch = setInterval(() => {
      if (Date.now() > this.#until) stopped = unavailable("git: it took too long");
      else if (statfs(repository).freeBytes < this.#reserved)
        stopped = resourceExhausted("git: no space left on device");
      if (stopped) child.kill("SIGKILL");
    }, 250);
    try {
      const [stdout, stderr, code] = await Promise.all([
        textOf(child.stdout),
        textOf(child.stderr),
        new Promise<number | null>((resolve, reject) => {
          child.on("error", () =>
            reject(invalidArgument("git sources need git, setpriv and unshare on the engine's host")),
          );
          child.on("close", resolve);
        }),
      ]);
      if (stopped) throw stopped;
      return { code, stdout, stderr };
    } finally {
      clearInterval(watch);
    }
  }
}
