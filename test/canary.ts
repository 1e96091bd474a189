/**
 * Canaries: a tree outside of everything an engine may touch, recorded before a hostile test and compared after it. Any
 * difference fails the test, also when the operation answered with an error.
 */
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Canary extends Disposable {
  /** The canaries' directory. */
  readonly dir: string;
  /** A file whose content must never be seen or changed. */
  readonly secret: string;
  readonly secretText: string;
  /** What has changed since the canaries were set out, one line each; empty when all is well. */
  changes(): string[];
}

/** Sets out canaries, and watches `extra` paths of the host besides. */
export function setCanary(...extra: string[]): Canary {
  const dir = mkdtempSync(join(tmpdir(), "dhow-canary-"));
  const secretText = `canary ${dir}`;
  const secret = join(dir, "secret");
  writeFileSync(secret, secretText, { mode: 0o600 });
  mkdirSync(join(dir, "folder"), { mode: 0o711 });
  writeFileSync(join(dir, "folder/passwd"), secretText, { mode: 0o644 });
  const watched = [dir, ...extra];
  const before = record(watched);
  return {
    dir,
    secret,
    secretText,
    changes: () => difference(before, record(watched)),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Path -> everything of it that must not change. */
function record(roots: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const pending = [...roots];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) continue;
    const content = stat.isFile()
      ? createHash("sha256").update(readFileSync(path)).digest("hex")
      : stat.isSymbolicLink()
        ? readlinkSync(path)
        : "";
    const times = stat.isDirectory() && path === "/etc" ? "" : `${stat.mtimeNs} ${stat.ctimeNs}`;
    found.set(path, `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.ino} ${stat.nlink} ${times} ${content}`);
    if (stat.isDirectory() && path !== "/etc") for (const name of readdirSync(path)) pending.push(join(path, name));
  }
  return found;
}

function difference(before: Map<string, string>, after: Map<string, string>): string[] {
  const lines: string[] = [];
  for (const [path, value] of before) {
    const now = after.get(path);
    if (now === undefined) lines.push(`${path} is gone`);
    else if (now !== value) lines.push(`${path} changed from ${value} to ${now}`);
  }
  for (const path of after.keys()) if (!before.has(path)) lines.push(`${path} appeared`);
  return lines;
}
