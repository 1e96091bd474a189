/** What the checks of images need of whoever asks for them. */

import type { AuthConfig } from "../../api/system.ts";
import type { CheckKind, CheckProgress } from "../../api/system-check.ts";

/** Something that is not as it should be. */
export interface Found {
  readonly kind: CheckKind;
  readonly id: string;
  readonly usedBy?: readonly string[];
  readonly problem: string;
  readonly details?: readonly string[];
  /** What a person can do about it. */
  readonly advice: string;
}

/** Repairs a finding and says what was done; what it throws is why that was not possible. */
export type Fix = () => Promise<string>;

/** Takes findings as they come, and has them repaired where that is wanted. */
export interface CheckReport {
  /** True when all is well afterwards. */
  finding(found: Found, fix?: Fix): Promise<boolean>;
  progress(progress: CheckProgress): void;
}

/** What the checks ask of the engine. */
export interface ImageCheckRequest {
  /** Credentials for a registry, by its domain. */
  authFor(domain: string): AuthConfig | undefined;
  /** Names of containers that read the unpacked layer's own files now, or may at any moment; `images` are those that have it. */
  readersOf(chainId: string, images: ReadonlySet<string>): readonly string[];
  /** True when a container of that id is known. */
  isContainer(id: string): boolean;
  /** False while what nobody knows may belong to records that were lost. */
  readonly leftovers: boolean;
}

/** How much was looked at. */
export interface ImageCheckTotals {
  readonly images: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly layers: number;
}
