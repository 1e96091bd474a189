/**
 * Where broken uploads go on: one file per blob and repository, with the address of its session at the registry. Whoever uploads a
 * blob holds its note; another upload of it at the same time does without.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../lib/digest.ts";
import { tryLock } from "../linux/flock.ts";

/** Registries keep an upload for about a week. */
const keptMs = 7 * 24 * 3600_000;

/** The note of one upload while it is under way. */
export interface UploadNote extends Disposable {
  /** The session's address; null for none, or none that another upload has not taken. */
  read(): string | null;
  /** Null for a session that is worth nothing. */
  write(location: string | null): void;
  /** The upload is done. */
  drop(): void;
}

export class UploadNotes {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  open(domain: string, path: string, digest: Digest): UploadNote {
    const name = createHash("sha256").update(`${domain}/${path}@${digest}`).digest("hex");
    const file = join(this.directory, name);
    const held = tryLock(file);
    return {
      read: () => (held && readFileSync(file, "utf8")) || null,
      write: (location) => held && writeFileSync(file, location ?? "", { mode: 0o600 }),
      drop: () => held && rmSync(file, { force: true }),
      [Symbol.dispose]: () => held?.[Symbol.dispose](),
    };
  }

  /** Drops notes of uploads that no registry knows any more. */
  sweep(now = Date.now()): void {
    for (const name of readdirSync(this.directory)) {
      const file = join(this.directory, name);
      const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: now, size: 1 };
      if (size > 0 && now - mtimeMs < keptMs) continue;
      using held = tryLock(file);
      if (held) rmSync(file, { force: true });
    }
  }
}
