/** Files between a client and a daemon: `moby.filesync.v1` and fsutil's packets. */
import { service } from "../../lib/grpc/service.ts";
import { map, message, one } from "../../lib/protobuf/message.ts";
import { BytesMessage } from "./types.ts";

/** One file. Modes are Go's `os.FileMode`, not the kernel's. */
export const Stat = message("fsutil.types.Stat", {
  /** Relative, without `.` and `..`. */
  path: one(1, "string"),
  mode: one(2, "uint32"),
  uid: one(3, "uint32"),
  gid: one(4, "uint32"),
  size: one(5, "size"),
  /** Nanoseconds since the epoch. */
  modTime: one(6, "int64"),
  /** Where a symbolic link leads, or the path of the first of several hard links. */
  linkname: one(7, "string"),
  devmajor: one(8, "size"),
  devminor: one(9, "size"),
  xattrs: map(10, "bytes"),
});

/** `unchanged` is of dhow's own: instead of a list that the receiver has named as known. */
export const packetTypes = { stat: 0, request: 1, data: 2, finished: 3, error: 4, unchanged: 64 } as const;

/**
 * The side that has files sends a `stat` for each, in the order of a walk (a packet without a stat is the end of them); the
 * other one a `request` with a file's number for each whose content it wants, which comes as `data` packets with that number, an
 * empty one at the end. `finished` from the receiver is answered by `finished`.
 */
export const Packet = message("fsutil.types.Packet", {
  type: one(1, "int32"),
  stat: one(2, Stat),
  id: one(3, "uint32"),
  data: one(4, "bytes"),
});

/** Bits of Go's `os.FileMode` besides the permissions. */
export const goMode = {
  directory: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  namedPipe: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  characterDevice: 0x0020_0000,
  sticky: 0x0010_0000,
  irregular: 0x0008_0000,
  /** All that make it no regular file. */
  type: 0x8f28_0000,
} as const;

/** The permissions in a Go mode, with setuid, setgid and sticky where Unix has them. */
export function fromGoMode(mode: number): number {
  let result = mode & 0o777;
  if (mode & goMode.setuid) result |= 0o4000;
  if (mode & goMode.setgid) result |= 0o2000;
  if (mode & goMode.sticky) result |= 0o1000;
  return result;
}

/** The client's directories, which it sends. Which, and what of it, is said by headers. */
export const FileSync = service("moby.filesync.v1.FileSync", {
  DiffCopy: [Packet, Packet, "both"],
  TarStream: [Packet, Packet, "both"],
});

export const fileSyncHeaders = {
  directory: "dir-name",
  include: "include-patterns",
  exclude: "exclude-patterns",
  follow: "followpaths",
  /** Of dhow's own: the `listDigest` of what the receiver has; other senders do not look at it. */
  known: "dhow-known-files",
} as const;

/**
 * A directory that the client receives: packets as for {@link FileSync}, the daemon being the side that has files.
 * The same method takes one file instead as {@link BytesMessage}s: see {@link FileSendBytes}.
 */
export const FileSend = service("moby.filesync.v1.FileSend", { DiffCopy: [Packet, Packet, "both"] });

/** {@link FileSend} for an exporter that has one file. */
export const FileSendBytes = service("moby.filesync.v1.FileSend", { DiffCopy: [BytesMessage, BytesMessage, "both"] });

/** The number of the exporter in the request, from 0. */
export const exporterIdHeader = "buildkit-attachable-exporter-id";
/** What an exporter tells of its result is in headers that begin so. */
export const exporterMetadataPrefix = "exporter-md-";
/** Values of a header `NAME` are escaped as in a query where `NAME-encoded` is `1`. */
export const encodedSuffix = "-encoded";
