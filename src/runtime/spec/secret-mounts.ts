/** Where the secrets of a container lie: on a tmpfs of the host's, and from there in the container. Pure. */
import { join, posix } from "node:path";
import type { OciMount } from "./oci.ts";

/** What Docker's swarm has its secrets under. */
export const secretsDirectory = "/run/secrets";

/** The absolute path of a secret in the container. */
export function secretTarget(target: string): string {
  return posix.join(posix.isAbsolute(target) ? "/" : secretsDirectory, target);
}

/** What is below /run/secrets is mounted together with it, so that the image's layer gets no empty file for each. */
export const isTogether = (target: string): boolean => target.startsWith(`${secretsDirectory}/`);

export interface PlacedSecrets {
  /** A path for each target, below the tmpfs. */
  readonly paths: readonly string[];
  readonly mounts: readonly OciMount[];
}

/** Places secrets of absolute `targets` on a tmpfs mounted at `tmpfs`. */
export function placeSecrets(tmpfs: string, targets: readonly string[]): PlacedSecrets {
  const shared = join(tmpfs, "together");
  const paths = targets.map((target, at) =>
    isTogether(target) ? join(shared, posix.relative(secretsDirectory, target)) : join(tmpfs, "apart", String(at)),
  );
  const apart = targets.flatMap((target, at) => (isTogether(target) ? [] : [readOnly(paths[at]!, target)]));
  return { paths, mounts: targets.some(isTogether) ? [readOnly(shared, secretsDirectory), ...apart] : apart };
}

const readOnly = (source: string, destination: string): OciMount => ({
  destination,
  type: "bind",
  source,
  options: ["rbind", "ro", "nosuid", "nodev", "noexec", "rprivate"],
});
