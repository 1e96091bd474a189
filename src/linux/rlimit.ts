/** Resource limits of this process. */
import { check, FFIType, openLibc, ptr } from "./libc.ts";

const { i32, ptr: pointer } = FFIType;
const libc = openLibc({
  getrlimit: { args: [i32, pointer], returns: i32 },
  setrlimit: { args: [i32, pointer], returns: i32 },
});
const RLIMIT_NOFILE = 7;

/** Raises the soft limit of open files to the hard one: for helpers, which hold a descriptor for each level of a tree. */
export function raiseFileLimit(): void {
  const limits = new BigUint64Array(2);
  check(libc.getrlimit(RLIMIT_NOFILE, ptr(limits)), "getrlimit");
  if (limits[0] === limits[1]) return;
  limits[0] = limits[1] ?? 0n;
  check(libc.setrlimit(RLIMIT_NOFILE, ptr(limits)), "setrlimit");
}

/** The number that the process's descriptors stay below. */
export function openFilesLimit(): number {
  const limits = new BigUint64Array(2);
  check(libc.getrlimit(RLIMIT_NOFILE, ptr(limits)), "getrlimit");
  return Number(limits[0]);
}
