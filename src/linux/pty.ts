/** Terminals, by their master: ioctl_tty(2). */
import { check, FFIType, fixedBuffer, openLibc, ptr } from "./libc.ts";

const { i32, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({ ioctl: { args: [i32, i64_fast, pointer], returns: i32 } });

const TIOCSWINSZ = 0x5414;

/** Sets the size of a terminal; its foreground processes get SIGWINCH. */
export function setWindowSize(master: number, rows: number, columns: number): void {
  const size = fixedBuffer(8);
  size.writeUInt16LE(rows & 0xffff, 0);
  size.writeUInt16LE(columns & 0xffff, 2);
  check(libc.ioctl(master, TIOCSWINSZ, ptr(size)), "ioctl TIOCSWINSZ");
}
