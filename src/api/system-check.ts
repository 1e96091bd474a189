/** `POST /dhow/v1/check` on the wire: one JSON line for each thing found, and a last one that sums up. */

/** What a finding is about. */
export type CheckKind = "record" | "blob" | "layer" | "container" | "volume" | "network" | "leftover";

/** One thing that is not as it should be. */
export interface CheckFinding {
  Kind: CheckKind;
  /** The object's id, name, digest, or a path below the data root. */
  ID: string;
  /** Whom it concerns: images and containers, by name where they have one. */
  UsedBy: string[];
  /** What is wrong. */
  Problem: string;
  /** Single files, `PATH: what differs`; the first of them where there are many. */
  Details: string[];
  Repaired: boolean;
  /** What was done about it; while it is not repaired, why not, or what can be done. */
  Action: string;
}

/** How far the check is. */
export interface CheckProgress {
  Stage: "records" | "blobs" | "layers" | "leftovers";
  Done: number;
  /** 0 while nobody knows. */
  Total: number;
}

export interface CheckSummary {
  Blobs: number;
  /** Bytes of all blobs. */
  Bytes: number;
  Layers: number;
  Images: number;
  Containers: number;
  Volumes: number;
  Networks: number;
  Found: number;
  Repaired: number;
}

/** One line of the reply. */
export type CheckLine =
  | { readonly Finding: CheckFinding }
  | { readonly Progress: CheckProgress }
  | { readonly Summary: CheckSummary };
