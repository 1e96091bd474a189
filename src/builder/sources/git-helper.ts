/** The helper side of git sources: a commit found, fetched into the kept repository and checked out, in one process. */
import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { answer } from "../../helper/helper-process.ts";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import { findCommit } from "../../lib/git/commit.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, tryOpenAt2 } from "../../linux/openat2.ts";
import type { CopySource } from "../dockerfile/plan/plan.ts";
import { Git, type GitRoom, gitUser } from "./git-process.ts";

export type GitSource = Pick<
  Extract<CopySource, { readonly kind: "git" }>,
  "remote" | "ref" | "subdirectory" | "checksum" | "keepsGitDirectory" | "submodules"
>;

/** The room's headers come by standard input, for arguments are seen by everybody. */
export interface GitRequest {
  readonly source: GitSource;
  readonly room: Omit<GitRoom, "headers">;
}

/** `git-checkout`: answers the commit, whose files then are in the tree, root's. */
export async function gitCheckoutMain(args: string[]): Promise<void> {
  await answer<GitRequest, { commit: string }>(args, async ({ source, room }) => {
    const headers = JSON.parse(await Bun.stdin.text()) as GitRoom["headers"];
    for (const path of [room.repository, room.tree]) chownSync(path, gitUser, gitUser);
    const git = new Git({ ...room, headers });
    // What a fetch that was ended in the middle has left; the repository is held by us alone.
    for (const name of readdirSync(room.repository)) if (name.endsWith(".lock")) rmSync(join(room.repository, name));
    await git.run(["init", "-q", "--bare", "--initial-branch=main", "."]);
    const { remote, ref, checksum } = source;
    const commit = await findCommit(git, remote, ref);
    if (checksum !== null && !commit.startsWith(checksum.toLowerCase())) {
      throw invalidArgument(`expected checksum to match ${checksum}, got ${commit}`);
    }
    await checkOut(git, source, commit);
    if (!source.keepsGitDirectory) removeGitDirectories(room.tree);
    giveToRoot(room.tree);
    refuseEscape(room.tree, source.subdirectory);
    return { commit };
  });
}

async function checkOut(git: Git, { remote, keepsGitDirectory, submodules }: GitSource, commit: string): Promise<void> {
  const { repository, tree } = git.paths;
  const hasModules = submodules && (await git.try(["cat-file", "-e", `${commit}:.gitmodules`])).code === 0;
  if (!keepsGitDirectory && !hasModules) {
    // Builds side by side share the repository, each with an index of its own.
    const own = { GIT_INDEX_FILE: `${tree}/.git-index` };
    await git.run(["read-tree", commit], own);
    await git.run([`--work-tree=${tree}`, "checkout-index", "-a", "-f", "-q"], own);
    return;
  }
  const inTree = ["-C", tree];
  const fromRepository = ["-c", "protocol.file.allow=always", "-c", "uploadpack.allowAnySHA1InWant=true"];
  await git.run([...inTree, "init", "-q", "--initial-branch=main"]);
  await git.run([
    ...inTree,
    "-c",
    "safe.directory=*",
    ...fromRepository,
    "fetch",
    "-q",
    "--depth=1",
    "--",
    repository,
    commit,
  ]);
  await git.run([...inTree, "checkout", "-q", "-f", "--detach", commit]);
  await git.run([...inTree, "remote", "add", "origin", remote]);
  if (hasModules) {
    await git.run([...inTree, "submodule", "update", "--init", "--recursive", "--depth=1", "--quiet"]);
  }
}

/** Those of the tree and of its submodules; and the index that a plain checkout was made with. */
function removeGitDirectories(tree: string): void {
  rmSync(join(tree, ".git-index"), { force: true });
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.name === ".git") rmSync(path, { recursive: true, force: true });
      else if (entry.isDirectory()) visit(path);
    }
  };
  visit(tree);
}

function giveToRoot(path: string): void {
  lchownSync(path, 0, 0);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveToRoot(join(path, name));
}

/** The subdirectory is one, and no link leads there (CVE-2026-33748). */
function refuseEscape(tree: string, subdirectory: string): void {
  chmodSync(tree, 0o755);
  if (subdirectory === "") return;
  const root = openAt(AT_FDCWD, tree, O_DIRECTORY);
  try {
    const path = subdirectory.replace(/^\/+/, "") || ".";
    const fd = tryOpenAt2(root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (fd < 0) throw notFound(`invalid subdir ${subdirectory}: not a directory of the repository`);
    close(fd);
  } finally {
    close(root);
  }
}
