/** `-o size=` of a local volume: a project of the file system that its data is on, with that limit. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { parseBytes } from "../lib/units.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, tryOpenAt } from "../linux/file.ts";
import { hasProjectQuota, joinProject, limitProject, projectOf, projectQuota } from "../linux/project-quota.ts";
import { isErrno, SyscallError } from "../linux/syscall-error.ts";

/** Ids from here on: others count up from 1 (dockerd from 2, kubelet from 2^20). */
const firstProject = 0x44480000;

/** Bytes of the option; 0 is no limit. Throws in Docker's words for what is no size. */
export function sizeOption(name: string, size: string): number {
  if (!/^\d+(\.\d+)?\s?([kKmMgGtTpP]i?)?[bB]?$/.test(size)) {
    throw invalidArgument(`create ${name}: invalid size: '${size}'`);
  }
  return parseBytes(size);
}

/**
 * Limits what is in the directory `<root>/<name>/_data` to `limit` bytes; one that is limited already gets the new limit. Throws
 * in Docker's words where the file system keeps no limits. Synchronous, so that no two volumes get one project.
 */
export function limitSize(root: string, name: string, limit: number): void {
  withData(root, name, (fd) => {
    if (!hasProjectQuota(fd)) throw invalidArgument(`create ${name}: quota size requested but no quota support`);
    const project = projectOf(fd) || freeProject(root, fd);
    if (projectQuota(fd, project).limit !== Math.ceil(limit / 512) * 512) limitProject(fd, project, limit);
    if (projectOf(fd) !== project) joinProject(fd, project);
  });
}

/** Takes the limit of a volume's project away, if it has one, before its data goes. */
export function unlimitSize(root: string, name: string): void {
  withData(root, name, (fd) => {
    try {
      const project = projectOf(fd);
      if (project >= firstProject && hasProjectQuota(fd)) limitProject(fd, project, 0);
    } catch (error) {
      if (!isErrno(error, "ENOTTY", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOSYS")) throw error;
    }
  });
}

/** An id that no volume has, and in which nothing is counted: what was thrown away may take its time to go. */
function freeProject(root: string, fd: number): number {
  const taken = new Set<number>();
  for (const name of readdirSync(root)) withData(root, name, (data) => taken.add(projectOf(data)));
  for (let project = firstProject; ; project++) {
    if (!taken.has(project) && projectQuota(fd, project).used === 0) return project;
  }
}

/** Without effect where there is no such directory. */
function withData(root: string, name: string, act: (fd: number) => void): void {
  const fd = tryOpenAt(AT_FDCWD, join(root, name, "_data"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd === -2 || fd === -20) return; // ENOENT, ENOTDIR
  if (fd < 0) throw new SyscallError("open", -fd, join(root, name, "_data"));
  try {
    act(fd);
  } finally {
    close(fd);
  }
}
