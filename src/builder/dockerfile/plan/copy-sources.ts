/** What COPY and ADD take: files of some input, what is fetched by http or git, and texts of the Dockerfile. */
import { posix } from "node:path";
import { parseDigest } from "../../../lib/digest.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { type GitReference, readGitReference } from "../../../lib/git/reference.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { splitCredentials } from "../../../lib/url-credentials.ts";
import type { Add, Copy } from "../instructions/copy.ts";
import { placeOf } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import { hasWildcards, insideRoot } from "./paths.ts";
import type { CopySource, Input } from "./plan.ts";

/** Sources with their variables put in. */
export interface ExpandedSources {
  readonly sources: readonly string[];
  readonly checksum: string | null;
}

const isHttp = (source: string): boolean => /^https?:\/\//.test(source);

/** Answers the sources of one COPY or ADD; `input` is where its files come from. Throws `invalidArgument`. */
export function copySources(
  instruction: Add | Copy,
  { sources, checksum }: ExpandedSources,
  input: Input,
): CopySource[] {
  if (checksum !== null) {
    const [only = "", ...others] = sources;
    if (others.length > 0) throw invalidArgument("checksum can't be specified for multiple sources");
    if (!isHttp(only) && readGitReference(only) === null) {
      throw invalidArgument("checksum requires HTTP(S) or Git sources");
    }
  }
  const { statement } = instruction;
  return sources.map((source, index) =>
    located(
      [statement.range],
      () => placeOf(statement, instruction.sources[index] ?? source),
      () => {
        const git = readGitReference(source);
        if (git !== null) return gitSource(instruction, git, checksum);
        return isHttp(source) ? httpSource(instruction, source, checksum) : fileSource(instruction, source, input);
      },
    ),
  );
}

function gitSource(instruction: Add | Copy, git: GitReference, checksum: string | null): CopySource {
  if (instruction.kind === "copy") throw invalidArgument("source can't be a git ref for COPY");
  const { keepGitDir } = instruction;
  if (keepGitDir !== null && git.keepsGitDirectory !== null && keepGitDir !== git.keepsGitDirectory) {
    throw invalidArgument("inconsistent keep-git-dir configuration");
  }
  if (checksum !== null && git.checksum !== null && checksum !== git.checksum) {
    throw invalidArgument(`checksum mismatch ${printf("%q != %q", [checksum, git.checksum])}`);
  }
  return {
    kind: "git",
    remote: git.remote,
    credentials: git.credentials,
    ref: git.ref,
    subdirectory: git.subdirectory,
    checksum: git.checksum ?? checksum,
    keepsGitDirectory: git.keepsGitDirectory ?? keepGitDir ?? false,
    submodules: git.submodules ?? true,
  };
}

function httpSource(instruction: Add | Copy, source: string, checksum: string | null): CopySource {
  if (instruction.kind === "copy") throw invalidArgument("source can't be a URL for COPY");
  const { url, credentials } = splitCredentials(source);
  const name = URL.canParse(url) ? posix.basename(decodedPath(url)) : "";
  return {
    kind: "http",
    url,
    credentials,
    fileName: name === "" || name === "." || name === ".." ? "__unnamed__" : name,
    checksum: checksum === null ? null : parseDigest(checksum),
    unpacks: instruction.unpack ?? false,
  };
}

function decodedPath(url: string): string {
  const { pathname } = new URL(url);
  try {
    return decodeURIComponent(pathname).replace(/\0/g, "");
  } catch {
    return pathname;
  }
}

function fileSource(instruction: Add | Copy, source: string, input: Input): CopySource {
  const unpacks = instruction.kind === "add" && (instruction.unpack ?? true);
  const parts =
    instruction.kind === "copy" && instruction.parents ? splitAtPivot(source) : { path: source, only: null };
  const path = insideRoot(parts.path);
  const only = parts.only === null ? null : insideRoot(parts.only).slice(1);
  return { kind: "files", input, path, only, isRequired: !hasWildcards(path) && !hasWildcards(only ?? ""), unpacks };
}

/** `--parents a/./b/c` keeps `b` and what is below; without `/./` everything is kept. */
function splitAtPivot(source: string): { readonly path: string; readonly only: string } {
  const at = source.indexOf("/./");
  return at < 0 ? { path: "/", only: source } : { path: source.slice(0, at), only: source.slice(at + 3) };
}
