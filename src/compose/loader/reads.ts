/** What a project was read from, so that another run can tell whether it would read the same. */
import { readFileSync, statSync } from "node:fs";

/** Of a file that is read. */
export const mostBytes = 2 << 20;

/** `text` asks for a file's bytes, `kind` whether there is a file, a directory or nothing. */
export type Question = "text" | "kind";

export interface Read {
  readonly question: Question;
  /** Absolute. */
  readonly path: string;
  /** The digest of the bytes, or a word; null for what answers once only, such as a pipe. */
  readonly answer: string | null;
}

let noted: Map<string, Read> | null = null;

/** From now on what is read is noted; answers the list, which grows. */
export function noteReads(): ReadonlyMap<string, Read> {
  noted = new Map();
  return noted;
}

export function noteRead(question: Question, path: string): void {
  const key = `${question} ${path}`;
  if (noted && !noted.has(key)) noted.set(key, { question, path, answer: answerTo(question, path) });
}

/** What cannot be asked again, such as another machine's file, was read: nothing can tell whether it is the same. */
export function noteElsewhere(name: string): void {
  noted?.set(name, { question: "text", path: name, answer: null });
}

/** The answer of this moment. */
export function answerTo(question: Question, path: string): string | null {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return "absent";
    if (found.isDirectory()) return "directory";
    if (question === "kind") return "file";
    // A pipe gives its bytes once, and no file that is read is larger.
    return found.isFile() && found.size <= mostBytes
      ? new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex")
      : null;
  } catch {
    return null;
  }
}
