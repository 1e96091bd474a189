/** Which commit a repository's reference is, and that it is in the kept repository. */
import { notFound } from "../errors.ts";

/** git, run somehow in a repository. */
export interface GitRunner {
  /** What it writes; throws with what it complained of. */
  run(args: readonly string[]): Promise<string>;
  try(args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string }>;
}

const isCommit = (ref: string): boolean => /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(ref);

/** 40 or 64 hex digits. Throws `notFound` for a reference that is not there. */
export async function findCommit(git: GitRunner, remote: string, ref: string): Promise<string> {
  if (isCommit(ref)) {
    if (!(await has(git, ref))) await fetchCommit(git, remote, ref);
    return ref;
  }
  const found = await asked(git, remote, ref);
  if (!(await has(git, found.commit))) await fetchName(git, remote, found);
  return found.commit;
}

/** As {@link findCommit}, of a repository that is not here: nothing is fetched. */
export async function resolveCommit(git: GitRunner, remote: string, ref: string): Promise<string> {
  return isCommit(ref) ? ref : (await asked(git, remote, ref)).commit;
}

const asked = (git: GitRunner, remote: string, ref: string): Promise<Found> =>
  ref === "" ? headOf(git, remote) : named(git, remote, ref);

interface Found {
  /** In full: `refs/heads/main`. */
  readonly name: string;
  readonly commit: string;
}

const has = async (git: GitRunner, commit: string): Promise<boolean> =>
  (await git.try(["cat-file", "-e", `${commit}^{commit}`])).code === 0;

async function headOf(git: GitRunner, remote: string): Promise<Found> {
  const lines = await listed(git, remote, ["HEAD"]);
  const commit = lines.get("HEAD");
  if (commit === undefined) throw notFound("repository does not contain a HEAD");
  return { name: "HEAD", commit };
}

/** A branch goes before a tag of its name, as `git checkout` has it; of an annotated tag the commit is meant. */
async function named(git: GitRunner, remote: string, ref: string): Promise<Found> {
  const lines = await listed(git, remote, [ref, `${ref}^{}`]);
  const short = ref.replace(/^refs\//, "");
  const candidates = [
    `refs/${short}`,
    `refs/heads/${ref.replace(/^refs\/heads\//, "")}`,
    `refs/tags/${ref.replace(/^refs\/tags\//, "")}`,
  ];
  for (const name of candidates) {
    const commit = lines.get(`${name}^{}`) ?? lines.get(name);
    if (commit !== undefined) return { name, commit };
  }
  throw notFound(`repository does not contain ref ${ref}`);
}

async function listed(
  git: GitRunner,
  remote: string,
  patterns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const text = await git.run(["ls-remote", "-q", "--", remote, ...patterns]);
  return new Map(
    text.split("\n").flatMap((line): [string, string][] => {
      const [commit = "", name = ""] = line.split("\t");
      return isCommit(commit) ? [[name, commit]] : [];
    }),
  );
}

async function fetchName(git: GitRunner, remote: string, { name, commit }: Found): Promise<void> {
  await git.run(["fetch", "-q", "--depth=1", "--no-tags", "--force", "--", remote, `${name}:refs/dhow/${commit}`]);
  if (!(await has(git, commit))) throw notFound(`reference ${name} changed while it was fetched`);
}

/** Not every server gives a commit by its name alone; then all of its branches and tags are asked for. */
async function fetchCommit(git: GitRunner, remote: string, commit: string): Promise<void> {
  const alone = ["fetch", "-q", "--depth=1", "--no-tags", "--", remote, `${commit}:refs/dhow/${commit}`];
  if ((await git.try(alone)).code === 0 && (await has(git, commit))) return;
  const unshallow = (await git.run(["rev-parse", "--is-shallow-repository"])).trim() === "true" ? ["--unshallow"] : [];
  const all = ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"];
  await git.run(["fetch", "-q", "--no-tags", ...unshallow, "--", remote, ...all]);
  if (!(await has(git, commit))) throw notFound(`repository does not contain ref ${commit}`);
}
