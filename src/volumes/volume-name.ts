/** Names of local volumes, which are names of directories. */
import { invalidArgument } from "../lib/errors.ts";

/** Longest file name. */
const maxName = 255;
const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export const isVolumeName = (name: string): boolean => name.length > 1 && name.length <= maxName && pattern.test(name);

/** Throws `invalidArgument` in Docker's words for what cannot be a local volume's name. */
export function checkVolumeName(name: string): void {
  if (isVolumeName(name)) return;
  throw invalidArgument(
    name.length < 2
      ? `create ${name}: volume name is too short, names should be at least two alphanumeric characters`
      : name.length > maxName && pattern.test(name)
        ? `create ${name.slice(0, 32)}...: volume name is longer than ${maxName} characters`
        : `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}
