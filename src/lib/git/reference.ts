/** Git repositories as ADD, build contexts and Compose files name them: `https://host/path.git#ref:subdirectory`, `git@host:path`, `?ref=…`. */
import { posix } from "node:path";
import { invalidArgument } from "../errors.ts";
import { parseBool } from "../flags-numbers.ts";
import { printf } from "../go-template/printf.ts";
import { type Credentials, splitCredentials } from "../url-credentials.ts";

export interface GitReference {
  readonly remote: string;
  readonly credentials: Credentials | null;
  readonly ref: string;
  readonly subdirectory: string;
  readonly checksum: string | null;
  /** Null where nothing was said. */
  readonly keepsGitDirectory: boolean | null;
  readonly submodules: boolean | null;
}

const quoted = (text: string): string => printf("%q", [text]);

/**
 * Reads a source as a repository; null when it is none. Over http(s) a repository's path ends with `.git`, anything else is
 * a file. Throws `invalidArgument` for one that contradicts itself, or that git would take for something else than it is.
 */
export function readGitReference(text: string): GitReference | null {
  const parts = /^(https?|ssh|git):\/\//i.test(text) ? splitUrl(text) : splitScp(text);
  if (parts === null) return null;
  const { remote, credentials, query, fragment } = parts;
  const colon = fragment.indexOf(":");
  let ref = colon < 0 ? fragment : fragment.slice(0, colon);
  let subdirectory = colon < 0 ? "" : fragment.slice(colon + 1);
  const given = readQuery(query);
  ref = agreed("ref", ref, given.get("ref"));
  ref = agreed("ref", ref, prefixed("refs/tags/", given.get("tag")));
  if (given.has("branch") && given.has("tag")) throw invalidArgument("branch conflicts with tag");
  ref = agreed("ref", ref, prefixed("refs/heads/", given.get("branch")));
  subdirectory = agreed("subdir", subdirectory, given.get("subdir"));
  const checksum = given.get("checksum") ?? given.get("commit") ?? null;
  refuseTricks(remote, ref || (checksum ?? ""), subdirectory, checksum);
  return {
    remote,
    credentials,
    ref: ref || (checksum ?? ""),
    subdirectory,
    checksum,
    keepsGitDirectory: switchIn(given, "keep-git-dir"),
    submodules: switchIn(given, "submodules"),
  };
}

interface Parts {
  readonly remote: string;
  readonly credentials: Credentials | null;
  readonly query: string;
  readonly fragment: string;
}

function splitUrl(text: string): Parts | null {
  const [, before = "", query = "", fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  if (/^https?:/i.test(before) && !before.endsWith(".git")) return null;
  const { url, credentials } = splitCredentials(before);
  return { remote: url, credentials, query, fragment };
}

/** ssh's own spelling, `user@host:path`. */
function splitScp(text: string): Parts | null {
  const match = /^([a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text);
  if (match === null) return null;
  const [, remote = "", query = "", fragment = ""] = match;
  return { remote, credentials: null, query, fragment };
}

const known = ["ref", "tag", "branch", "subdir", "checksum", "commit", "keep-git-dir", "submodules"];
const mayBeBare = ["keep-git-dir", "submodules"];

function readQuery(query: string): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(query)) {
    if (given.has(key)) throw invalidArgument(`query ${quoted(key)} has multiple values`);
    if (value === "" && !mayBeBare.includes(key)) throw invalidArgument(`query ${quoted(key)} has no value`);
    if (!known.includes(key)) throw invalidArgument(`unexpected query ${quoted(key)}`);
    given.set(key, value);
  }
  return given;
}

function prefixed(prefix: string, name: string | undefined): string | undefined {
  return name === undefined || name.startsWith(prefix) ? name : prefix + name;
}

function agreed(what: string, one: string, other: string | undefined): string {
  if (other === undefined) return one;
  if (one !== "" && one !== other) throw invalidArgument(`${what} conflicts: ${quoted(one)} vs ${quoted(other)}`);
  return other;
}

function switchIn(given: ReadonlyMap<string, string>, key: string): boolean | null {
  const value = given.get(key);
  if (value === undefined) return null;
  if (value === "") return true;
  try {
    return parseBool(value);
  } catch (error) {
    throw invalidArgument(`invalid ${key} value: ${quoted(value)}`, { cause: error });
  }
}

/** What git would take for an option, and what leads out of the repository (CVE-2019-13139, CVE-2026-33748). */
function refuseTricks(remote: string, ref: string, subdirectory: string, checksum: string | null): void {
  const host = remote.replace(/^[a-z]+:\/\//i, "").replace(/^[^@/]*@/, "");
  const bad = [host, ref, subdirectory].find((part) => part.startsWith("-") || /[\0-\x1f\x7f]/.test(part));
  if (bad !== undefined) throw invalidArgument(`${quoted(bad)} is no part of a git source`);
  if (checksum !== null && !/^[0-9a-fA-F]{4,64}$/.test(checksum)) {
    throw invalidArgument(`invalid checksum ${quoted(checksum)}, expected hex commit hash`);
  }
  if (/^\.\.(?:\/|$)/.test(posix.normalize(subdirectory.replace(/^\/+/, "") || "."))) {
    throw invalidArgument(`subdirectory ${quoted(subdirectory)} is outside of the repository`);
  }
}
