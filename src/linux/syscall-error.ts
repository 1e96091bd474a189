import { constants } from "node:os";

/** Those that networking knows and Node does not name (errno(3)). */
const others = { EXFULL: 54, ENONET: 64, ECOMM: 70, ENOTUNIQ: 76, ERFKILL: 132 };

const names = new Map<number, string>(
  Object.entries({ ...others, ...constants.errno }).map(([name, number]) => [number, name]),
);

/** The symbolic name of an errno value, such as `ENOENT`. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** A system call that returned -1. `errno` is positive; `code` its name (`ENOENT`), as Node's own errors carry. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  readonly syscall: string;
  readonly errno: number;
  readonly code: string;
  readonly path: string | undefined;

  constructor(syscall: string, errno: number, path?: string) {
    super(`${syscall}${path === undefined ? "" : ` ${path}`}: ${errnoName(errno)}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoName(errno);
    this.path = path;
  }
}

/** True when `error` is a failed system call, ours or Node's, with one of the errno names `codes`. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && codes.includes(code);
}
