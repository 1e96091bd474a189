/**
 * Project quotas of ext4 and xfs: a directory tree counts for one project, whose blocks are limited (quotactl(2), ioctl_xfs_fsgetxattr(2)).
 * Both file systems take the calls that XFS brought (quotactl_fd since Linux 5.14).
 */
import { check, FFIType, fixedBuffer, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, i64_fast, u32, ptr: pointer } = FFIType;
const libc = openLibc({
  ioctl: { args: [i32, i64_fast, pointer], returns: i32 },
  syscall: { args: [i64_fast, i32, u32, u32, pointer], returns: i64_fast },
});

const SYS_quotactl_fd = 443;
const PRJQUOTA = 2;
const Q_XGETQUOTA = 0x5803;
const Q_XSETQLIM = 0x5804;
const Q_XGETQSTAT = 0x5805;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FS_XFLAG_PROJINHERIT = 0x200;
const FS_QUOTA_PDQ_ENFD = 1 << 5;
const FS_DQUOT_VERSION = 1;
const FS_PROJ_QUOTA = 2;
const FS_DQ_BSOFT = 1 << 2;
const FS_DQ_BHARD = 1 << 3;
/** `struct fsxattr`, `struct fs_disk_quota`, `struct fs_quota_stat`. */
const sizes = { attributes: 28, quota: 112, state: 80 };
/** What the kernel counts blocks in here, whatever the file system's own are. */
const basicBlock = 512;

/** Ids from here on are taken for trees: others count up from 1 (dockerd from 2, kubelet from 2^20). */
const firstProject = 0x44480000;

/** A project's limit in bytes, and how many files count for it. */
export interface ProjectQuota {
  readonly limit: number;
  readonly files: number;
}

/**
 * Limits what an open directory that is still empty will hold to `limit` bytes (rounded up to 512; 0 is no limit yet); one that is
 * limited already gets the new limit. False where the file system keeps no limits. Synchronous, so that no two trees of a process get one project.
 */
export function limitTree(fd: number, limit: number): boolean {
  if (!hasProjectQuota(fd)) return false;
  const own = projectOf(fd);
  const project = own || freeProject(fd);
  if (projectQuota(fd, project).limit !== Math.ceil(limit / basicBlock) * basicBlock) limitProject(fd, project, limit);
  if (own !== project) joinProject(fd, project);
  return true;
}

/** A project that no file counts for, whatever limit it had: what was thrown away may take its time to go. */
function freeProject(fd: number): number {
  for (let project = firstProject; ; project++) if (projectQuota(fd, project).files === 0) return project;
}

/** True where the file system of `fd` keeps projects within their limits. */
function hasProjectQuota(fd: number): boolean {
  const state = fixedBuffer(sizes.state);
  state.writeInt8(1, 0); // FS_QSTAT_VERSION
  // ENOSYS: the file system, this kernel or its libraries have no quotas; ESRCH: they are off; EINVAL: none for projects.
  if (quotactl(fd, Q_XGETQSTAT, 0, state) !== 0) return false;
  return (state.readUInt16LE(2) & FS_QUOTA_PDQ_ENFD) !== 0;
}

/** The limit and files of a project; zeros for one that the file system does not know. */
function projectQuota(fd: number, project: number): ProjectQuota {
  const quota = fixedBuffer(sizes.quota);
  const result = quotactl(fd, Q_XGETQUOTA, project, quota);
  if (result === 2) return { limit: 0, files: 0 }; // ENOENT
  if (result !== 0) throw new SyscallError("quotactl", result);
  return decodeQuota(quota);
}

/** Limits what the files of a project take to `limit` bytes (rounded up to 512); 0 takes the limit away. */
function limitProject(fd: number, project: number, limit: number): void {
  const result = quotactl(fd, Q_XSETQLIM, project, encodeQuota(project, limit));
  if (result !== 0) throw new SyscallError("quotactl", result);
}

/** The project of an open directory; 0 is none. Throws ENOTTY or EOPNOTSUPP where files have none. */
function projectOf(fd: number): number {
  const attributes = getAttributes(fd);
  return attributes.readUInt32LE(0) & FS_XFLAG_PROJINHERIT ? attributes.readUInt32LE(12) : 0;
}

/** Puts an open, empty directory into a project, and with it whatever is made in there. */
function joinProject(fd: number, project: number): void {
  const attributes = joined(getAttributes(fd), project);
  check(libc.ioctl(fd, FS_IOC_FSSETXATTR, ptr(attributes)), "ioctl FS_IOC_FSSETXATTR");
}

/** `struct fsxattr` with that project, inherited by what is made inside. */
export function joined(attributes: Buffer, project: number): Buffer {
  attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_PROJINHERIT) >>> 0, 0);
  attributes.writeUInt32LE(project, 12);
  return attributes;
}

/** `struct fs_disk_quota` that sets both limits on blocks and nothing else. */
export function encodeQuota(project: number, limit: number): Buffer {
  const quota = fixedBuffer(sizes.quota);
  quota.writeInt8(FS_DQUOT_VERSION, 0);
  quota.writeInt8(FS_PROJ_QUOTA, 1);
  quota.writeUInt16LE(FS_DQ_BHARD | FS_DQ_BSOFT, 2);
  quota.writeUInt32LE(project, 4);
  const blocks = BigInt(Math.ceil(limit / basicBlock));
  quota.writeBigUInt64LE(blocks, 8);
  quota.writeBigUInt64LE(blocks, 16);
  return quota;
}

/** The hard limit and the inodes that a `struct fs_disk_quota` tells. */
export function decodeQuota(quota: Buffer): ProjectQuota {
  return { limit: Number(quota.readBigUInt64LE(8)) * basicBlock, files: Number(quota.readBigUInt64LE(48)) };
}

function getAttributes(fd: number): Buffer {
  const attributes = fixedBuffer(sizes.attributes);
  check(libc.ioctl(fd, FS_IOC_FSGETXATTR, ptr(attributes)), "ioctl FS_IOC_FSGETXATTR");
  return attributes;
}

/** 0, or the errno of the failure. */
function quotactl(fd: number, command: number, project: number, argument: Buffer): number {
  const result = libc.syscall(SYS_quotactl_fd, fd, ((command << 8) | PRJQUOTA) >>> 0, project, ptr(argument));
  return Number(result) === 0 ? 0 : lastErrno();
}
