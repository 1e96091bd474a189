/** The terminal of a command line: is there one, its size, raw mode, keys, and the detach sequence. */
import { isatty, ReadStream, WriteStream } from "node:tty";

/** True when the descriptor is a terminal. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  return isatty(fd);
}

/** Rows and columns of the terminal on standard output, or null. */
export const terminalSize = (): { rows: number; columns: number } | null => sizeOf(1);

/** Rows and columns of the terminal behind a descriptor, or null. */
export function sizeOf(fd: 1 | 2): { rows: number; columns: number } | null {
  if (!isatty(fd)) return null;
  const [columns, rows] = new WriteStream(fd).getWindowSize();
  return rows > 0 && columns > 0 ? { rows, columns } : null;
}

/** Keys as they are typed, the terminal in raw mode until {@link RawInput.restore}. */
export interface RawInput {
  readonly keys: AsyncIterable<Uint8Array>;
  restore(): void;
}

/** Puts the terminal on standard input into raw mode; with `lineEnds` what is printed still ends its lines with LF alone. */
export function openRawInput({ lineEnds = false } = {}): RawInput {
  const stream = new ReadStream(0);
  stream.setRawMode(true);
  // The runtime's raw mode still turns LF into CR LF on output, which a far terminal has done already.
  if (!lineEnds) Bun.spawnSync(["stty", "-opost"], { stdin: "inherit", stdout: "ignore", stderr: "ignore" });
  return {
    keys: stream,
    restore() {
      stream.setRawMode(false);
      stream.destroy();
    },
  };
}

/** Turns `ctrl-p,ctrl-q` into the bytes to look for; throws on a key nobody can type. */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    const control = /^ctrl-(.)$/i.exec(key)?.[1];
    if (control === undefined) {
      if (key.length !== 1) throw new Error(`Unknown character: '${key}'`);
      return key.charCodeAt(0);
    }
    const at = "@abcdefghijklmnopqrstuvwxyz[\\]^_".indexOf(control.toLowerCase());
    if (at < 0) throw new Error(`Unknown character: '${key}'`);
    return at;
  });
  return Uint8Array.from(bytes);
}

/**
 * Passes input through until `sequence` is typed: what might be its beginning is held back. `detached()` tells that it was.
 */
export function watchDetach(sequence: Uint8Array): { feed(bytes: Uint8Array): Uint8Array; detached(): boolean } {
  let matched = 0;
  let found = false;
  return {
    feed(bytes) {
      const passed: number[] = [];
      for (const byte of bytes) {
        if (found) break;
        if (byte === sequence[matched]) {
          matched++;
          if (matched === sequence.length) found = true;
          continue;
        }
        passed.push(...sequence.subarray(0, matched));
        matched = byte === sequence[0] ? 1 : 0;
        if (matched === 0) passed.push(byte);
      }
      return Uint8Array.from(passed);
    },
    detached: () => found,
  };
}
