/** How unpacking says no. */
import { invalidArgument } from "../../lib/errors.ts";
import type { TarEntry } from "../../lib/tar/entry.ts";
import { errnoName, isErrno, SyscallError } from "../../linux/syscall-error.ts";
import { joinPath, shown } from "./path.ts";

/** A member that must not replace what is there, in Docker's words. */
export function overwrite(there: string, coming: string, parts: readonly Buffer[]): Error {
  return invalidArgument(`cannot overwrite ${there} with ${coming} ${JSON.stringify(`/${shown(joinPath(parts))}`)}`);
}

/** Says which member failed; what the archive itself caused is the caller's input error, what the disk caused is not. */
export function explain(error: unknown, entry: TarEntry): unknown {
  if (!(error instanceof SyscallError)) return error;
  if (isErrno(error, "ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EACCES")) return error;
  return invalidArgument(
    `cannot extract ${JSON.stringify(shown(entry.path))}: ${error.syscall}: ${errnoName(error.errno)}`,
    {
      cause: error,
    },
  );
}
