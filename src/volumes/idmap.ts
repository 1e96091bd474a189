/** `idmap` of a mount: whose files show up as whose in the container. */
import { invalidArgument, systemError } from "../lib/errors.ts";
import type { IdMapping, IdRange } from "../linux/idmap.ts";
import { strerror } from "../linux/strerror.ts";
import { isErrno, SyscallError } from "../linux/syscall-error.ts";

/** Of `idmap` without ranges: the owner of the source and the container's user change places. */
export const ownerMap = "owner";

/** All ids that a file can have; the last of 32 bits stands for none. */
const allIds = 2 ** 32 - 1;
/** Ranges that the kernel takes of one kind. */
const maxRanges = 340;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The option `idmap` or `idmap=VALUE` as a record keeps it; null for another option. Throws for a value that is none. */
export function idmapOption(option: string): string | null {
  if (option !== "idmap" && !option.startsWith("idmap=")) return null;
  const value = option === "idmap" ? ownerMap : option.slice("idmap=".length);
  checkIdmap(value);
  return value;
}

/** Throws `invalidArgument` for what is neither `owner` nor `uids=SOURCE-SHOWN-COUNT#...;gids=...`. */
export function checkIdmap(value: string): void {
  if (value !== ownerMap) parseRanges(value);
}

/** What `value` means for a source of that owner in a container of that user; null where nothing is shown otherwise. */
export function mappingOf(value: string, owner: Owner, user: Owner): IdMapping | null {
  if (value !== ownerMap) return parseRanges(value);
  if (owner.uid === user.uid && owner.gid === user.gid) return null;
  return { uids: exchanged(owner.uid, user.uid), gids: exchanged(owner.gid, user.gid) };
}

/** Every id as itself but for two, which change places: no file is left without an owner, nor any id that cannot own one. */
function exchanged(one: number, other: number): IdRange[] {
  const [low, high] = one < other ? [one, other] : [other, one];
  if (low === high) return [{ source: 0, shown: 0, count: allIds }];
  const same = (from: number, to: number): IdRange => ({ source: from, shown: from, count: to - from });
  return [
    same(0, low),
    { source: low, shown: high, count: 1 },
    same(low + 1, high),
    { source: high, shown: low, count: 1 },
    same(high + 1, allIds),
  ].filter(({ count }) => count > 0);
}

function parseRanges(value: string): IdMapping {
  const bad = (reason: string) => invalidArgument(`invalid idmap "${value}": ${reason}`);
  const kinds = new Map<string, readonly IdRange[]>();
  for (const part of value.split(";")) {
    const [, kind = "", list = ""] = /^(uids|gids)=(.+)$/.exec(part) ?? [];
    if (kind === "") throw bad(`"${part}" is neither uids=SOURCE-SHOWN-COUNT nor gids=SOURCE-SHOWN-COUNT`);
    if (kinds.has(kind)) throw bad(`${kind} is there twice`);
    kinds.set(kind, rangesOf(list, bad));
  }
  const all = [{ source: 0, shown: 0, count: allIds }];
  return { uids: kinds.get("uids") ?? all, gids: kinds.get("gids") ?? all };
}

function rangesOf(list: string, bad: (reason: string) => Error): IdRange[] {
  const ranges = list.split("#").map((text) => {
    // "@" means relative to the container's user namespace, and that is the host's.
    const match = /^@?(\d+)-(\d+)-(\d+)$/.exec(text);
    if (!match) throw bad(`"${text}" is not SOURCE-SHOWN-COUNT`);
    const [source = 0, shown = 0, count = 0] = match.slice(1).map(Number);
    if (count === 0) throw bad(`"${text}" has no ids`);
    if (source + count > allIds || shown + count > allIds) throw bad(`"${text}" is out of range`);
    return { source, shown, count };
  });
  if (ranges.length > maxRanges) throw bad(`more than ${maxRanges} ranges`);
  for (const side of ["source", "shown"] as const) {
    const sorted = [...ranges].sort((a, b) => a[side] - b[side]);
    const clash = sorted.some(
      (range, i) => i > 0 && (sorted[i - 1]?.[side] ?? 0) + (sorted[i - 1]?.count ?? 0) > range[side],
    );
    if (clash) throw bad("ranges overlap");
  }
  return ranges;
}

/** Why the kernel did not idmap `source`, in words; what is of another cause comes back as it is. */
export function idmapFailure(error: unknown, source: string): unknown {
  if (error instanceof SyscallError && error.syscall === "clone") {
    const why = `no user namespace can be made: ${strerror(error.errno)}`;
    return systemError(`cannot idmap "${source}": ${why}`, { cause: error });
  }
  const reason = isErrno(error, "ENOSYS")
    ? "the kernel has no idmapped mounts (Linux 5.12 and later have)"
    : isErrno(error, "EINVAL")
      ? "its file system, or one that is mounted in it, cannot show other owners"
      : isErrno(error, "EPERM")
        ? "it is idmapped already, or not the engine's to idmap"
        : null;
  return reason === null ? error : systemError(`cannot idmap "${source}": ${reason}`, { cause: error });
}
