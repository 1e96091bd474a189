/** Files that a whole context is made of, from an address: a repository, or by http(s) an archive or a single file. */
import { closeSync, createReadStream, mkdtempSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { detectCompression } from "../../lib/compression.ts";
import { invalidArgument } from "../../lib/errors.ts";
import { readGitReference } from "../../lib/git/reference.ts";
import type { Operation } from "../../lib/operation.ts";
import { blockSize } from "../../lib/tar/entry.ts";
import { beginsTar } from "../../lib/tar/header.ts";
import { splitCredentials, withoutCredentials } from "../../lib/url-credentials.ts";
import type { SecretSource, SshSource } from "../request-sources.ts";
import type { GitSources } from "./git-sources.ts";
import type { HttpSources } from "./http-sources.ts";

export interface RemoteParts {
  readonly git: GitSources;
  readonly http: HttpSources;
  unpack(directory: string, tar: Readable, op: Operation): Promise<void>;
}

export interface RemoteAccess {
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
  /** The context keeps its .git where the address says nothing of it. */
  readonly keepsGitDirectory: boolean;
}

export interface RemoteFiles {
  readonly root: string;
  /** Name of the one file that came, which is no archive; null for files of an archive or a repository. */
  readonly single: string | null;
  /** Of a repository. */
  readonly commit: string | null;
}

/** True for what is fetched, as against a path. */
export const isRemote = (address: string): boolean =>
  /^https?:\/\//i.test(address) || readGitReference(address) !== null;

/** Fetches the files below `directory`, which is the caller's. */
export async function fetchRemote(
  parts: RemoteParts,
  address: string,
  access: RemoteAccess,
  directory: string,
  op: Operation,
): Promise<RemoteFiles> {
  const git = readGitReference(address);
  if (git !== null) {
    const source = {
      ...git,
      keepsGitDirectory: git.keepsGitDirectory ?? access.keepsGitDirectory,
      submodules: git.submodules ?? true,
    };
    const { root, commit } = await parts.git.checkOut(
      source,
      { ...access, credentials: git.credentials },
      directory,
      op,
    );
    return { root, commit, single: null };
  }
  if (!/^https?:\/\//i.test(address))
    throw invalidArgument(`${withoutCredentials(address)} is no address of a context`);
  return await fetchHttp(parts, address, directory, op);
}

async function fetchHttp(parts: RemoteParts, address: string, directory: string, op: Operation): Promise<RemoteFiles> {
  const { url, credentials } = splitCredentials(address);
  const root = mkdtempSync(join(directory, "files-"));
  const fileName = basename(URL.parse(url)?.pathname ?? "") || "context";
  await parts.http.fetch({ url, credentials, fileName, checksum: null }, root, op);
  if (!isArchive(join(root, fileName))) return { root, single: fileName, commit: null };
  const fetched = join(directory, `${basename(root)}.archive`);
  renameSync(join(root, fileName), fetched);
  try {
    await parts.unpack(root, createReadStream(fetched), op);
  } finally {
    rmSync(fetched, { force: true });
  }
  return { root, single: null, commit: null };
}

function isArchive(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(blockSize);
    const length = readSync(fd, head);
    return detectCompression(head.subarray(0, length)) !== "none" || beginsTar(head.subarray(0, length));
  } finally {
    closeSync(fd);
  }
}
