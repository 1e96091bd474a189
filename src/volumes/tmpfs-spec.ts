/** `--tmpfs DEST:OPTIONS`, and the mount options that tmpfs knows (tmpfs(5)). */
import { invalidArgument } from "../lib/errors.ts";
import { checkDestination, type PlannedMount, plain } from "./planned-mount.ts";

export const tmpfsOption =
  /^(exec|noexec|suid|nosuid|dev|nodev|atime|noatime|diratime|nodiratime|relatime|norelatime|strictatime|nostrictatime|sync|async|dirsync|ro|rw|size=[0-9]+[kKmMgGtTpPeE%]?b?|mode=[0-7]{1,4}|uid=[0-9]+|gid=[0-9]+|nr_inodes=[0-9]+[kKmMgG]?|nr_blocks=[0-9]+[kKmMgG]?|mpol=[a-z0-9=:,-]+)$/;

/** `--tmpfs DEST:OPTIONS`. */
export function parseTmpfs(path: string, text: string): PlannedMount {
  const options = text === "" ? [] : text.split(",");
  for (const option of options) {
    if (!tmpfsOption.test(option)) throw invalidArgument(`invalid tmpfs option "${option}"`);
  }
  return {
    ...plain,
    type: "tmpfs",
    destination: checkDestination(path, null),
    tmpfsOptions: [
      ...["noexec", "nosuid", "nodev"].filter((word) => !options.includes(word.slice(2))),
      ...options,
      "rprivate",
    ],
    listed: false,
  };
}
