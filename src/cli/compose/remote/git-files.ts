/**
 * Compose files of git repositories, `https://host/repository.git#reference:directory`. git runs as the user, who may have
 * keys and credentials for it, but with no hooks, submodules or protocols that run programs.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "../../../compose/loader/environment.ts";
import { invalidArgument, notFound, unavailable } from "../../../lib/errors.ts";
import { carefulSettings, complaint } from "../../../lib/git/careful.ts";
import { findCommit, type GitRunner, resolveCommit } from "../../../lib/git/commit.ts";
import { readGitReference } from "../../../lib/git/reference.ts";
import { textOf } from "../../../lib/git/said.ts";
import { keptFolder } from "./cache.ts";

const patienceMs = 10 * 60_000;

export async function fetchGitFiles(resource: string): Promise<string> {
  const given = readGitReference(resource.replace(/^(?=github\.com\/)/, "https://").replace(githubRoot, "$1.git$2"));
  if (given === null) throw invalidArgument(`${resource} is no address of a git repository`);
  const { remote, credentials, ref, subdirectory, checksum } = given;
  const address = credentials === null ? remote : withCredentials(remote, credentials);
  const commit = await resolveCommit(gitIn("/"), address, ref);
  if (checksum !== null && !commit.startsWith(checksum.toLowerCase())) {
    throw invalidArgument(`expected checksum to match ${checksum}, got ${commit}`);
  }
  const folder = await keptFolder(commit, (made) => checkOut(made, address, commit));
  return composeFile(folder, subdirectory, resource);
}

/** `https://github.com/owner/repository`, which may be without its `.git` where the scheme is left out. */
const githubRoot = /^(https:\/\/github\.com\/[^/?#]+\/[^/?#]+?)(?:\.git)?((?:[?#].*)?)$/s;

function withCredentials(
  remote: string,
  { user, password }: { readonly user: string; readonly password: string },
): string {
  const url = new URL(remote);
  url.username = user;
  url.password = password;
  return url.href;
}

async function checkOut(folder: string, remote: string, commit: string): Promise<void> {
  const git = gitIn(folder);
  await git.run(["init", "-q", "--initial-branch=main", "."]);
  await findCommit(git, remote, commit);
  await git.run(["checkout", "-q", "-f", "--detach", commit]);
  rmSync(join(folder, ".git"), { recursive: true });
}

/** The file of a checked out repository that is meant; no link leads out of it. */
function composeFile(folder: string, subdirectory: string, resource: string): string {
  const at = join(folder, subdirectory);
  const inside = realpathSync(folder);
  const real = existsSync(at) ? realpathSync(at) : null;
  if (real === null) throw notFound(`stat ${at}: no such file or directory`);
  const file = statSync(real).isDirectory() ? fileNames.map((name) => join(at, name)).find(existsSync) : at;
  if (file === undefined) throw notFound(`no Compose file in ${resource}: none of ${fileNames.join(", ")}`);
  const target = realpathSync(file);
  if (!target.startsWith(`${inside}/`)) throw invalidArgument(`${resource} leads out of its repository`);
  return file;
}

function gitIn(folder: string): GitRunner {
  const run = async (args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const words = [...carefulSettings.flatMap((one) => ["-c", one]), ...args];
    const child = spawn("git", words, { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    const late = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    try {
      const [stdout, stderr, code] = await Promise.all([
        textOf(child.stdout),
        textOf(child.stderr),
        new Promise<number | null>((resolve, reject) => {
          child.on("error", () => reject(invalidArgument("Compose files of repositories need git")));
          child.on("close", resolve);
        }),
      ]);
      return { code, stdout, stderr };
    } finally {
      clearTimeout(late);
    }
  };
  return {
    try: run,
    async run(args) {
      const { code, stdout, stderr } = await run(args);
      if (code === 0) return stdout;
      const verb = args.find((word) => !word.startsWith("-"));
      throw unavailable(`git ${verb}: ${complaint(stderr) || `exit code ${code}`}`);
    },
  };
}

/** Nobody is asked for a password; the user's own words to ssh hold, but those of a git that runs us are for its repository. */
function environment(): Record<string, string | undefined> {
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, GIT_OBJECT_DIRECTORY: ____, ...env } = process.env;
  return {
    ...env,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
    ...(process.env.GIT_SSH === undefined && {
      GIT_SSH_COMMAND: process.env.GIT_SSH_COMMAND ?? "ssh -o ControlMaster=no -o BatchMode=yes",
    }),
  };
}
