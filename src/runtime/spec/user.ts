/** `User` and `GroupAdd` as numbers, by the image's own /etc/passwd and /etc/group. */
import { systemError } from "../../lib/errors.ts";
import type { ResolvedUser } from "./input.ts";
import { readRootFile } from "./root-file.ts";

/** Bytes of /etc/passwd or /etc/group that are read at most. */
const fileLimit = 4 * 1024 * 1024;
const maxId = 2 ** 31 - 1;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Resolves `user` (`NAME|UID[:GROUP|GID]`, empty is root) and the names or numbers of `groupAdd` in the root file system
 * at `rootfs`. What is all digits is a number and never a name; what is out of range or unknown is an error: nothing
 * falls back to root. Lines of the files whose numbers cannot be read do not count.
 */
export function resolveUser(rootfs: string, user: string, groupAdd: readonly string[]): ResolvedUser {
  const passwd = parsePasswd(readRootFile(rootfs, "/etc/passwd", fileLimit) ?? "");
  const groups = parseGroups(readRootFile(rootfs, "/etc/group", fileLimit) ?? "");
  return lookUp(passwd, groups, user, groupAdd);
}

/** As {@link resolveUser}, on parsed files. */
export function lookUp(
  passwd: readonly Account[],
  groups: readonly Group[],
  user: string,
  groupAdd: readonly string[],
): ResolvedUser {
  const colon = user.indexOf(":");
  const userPart = colon === -1 ? user : user.slice(0, colon);
  const groupPart = colon === -1 ? "" : user.slice(colon + 1);
  const number = userPart === "" ? 0 : parseId(userPart);
  const account = passwd.find((one) => (number === null ? one.name === userPart : one.uid === number));
  if (number === null && !account) {
    throw systemError(`unable to find user ${userPart}: no matching entries in passwd file`);
  }
  const uid = number ?? account?.uid ?? 0;
  const gid = groupPart === "" ? (account?.gid ?? 0) : groupId(groups, groupPart);
  const listed =
    groupPart === "" && account ? groups.filter((g) => g.members.includes(account.name)).map((g) => g.gid) : [];
  const added = groupAdd.map((name) => groupId(groups, name));
  return { uid, gid, additionalGids: [...new Set([gid, ...listed, ...added])], home: account?.home || "/" };
}

function groupId(groups: readonly Group[], name: string): number {
  const number = parseId(name);
  if (number !== null) return number;
  const group = groups.find((one) => one.name === name);
  if (!group) throw systemError(`unable to find group ${name}: no matching entries in group file`);
  return group.gid;
}

/** The number that `text` spells in decimal digits, null for a name; throws when it is out of range. */
function parseId(text: string): number | null {
  if (!/^-?[0-9]+$/.test(text)) return null;
  const value = text.length > 12 ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= maxId) || text.startsWith("-")) {
    throw systemError(`uids and gids must be in range 0-${maxId}`);
  }
  return value;
}

/** A number of the files; null (and the line does not count) for whatever is no id. */
function fileId(text: string | undefined): number | null {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return null;
  const value = Number(text);
  return value <= maxId ? value : null;
}

export function parsePasswd(text: string): Account[] {
  const accounts: Account[] = [];
  for (const line of text.split("\n")) {
    const [name = "", , uidText, gidText, , home = ""] = line.split(":");
    const uid = fileId(uidText);
    const gid = fileId(gidText);
    if (name !== "" && uid !== null && gid !== null) accounts.push({ name, uid, gid, home: home.trimEnd() });
  }
  return accounts;
}

export function parseGroups(text: string): Group[] {
  const groups: Group[] = [];
  for (const line of text.split("\n")) {
    const [name = "", , gidText, members = ""] = line.trimEnd().split(":");
    const gid = fileId(gidText);
    if (name !== "" && gid !== null) groups.push({ name, gid, members: members.split(",").filter((m) => m !== "") });
  }
  return groups;
}
