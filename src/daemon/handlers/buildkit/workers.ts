/** What the builder runs on, as BuildKit's clients list it. */
import type { Platform } from "../../../api/buildkit/ops.ts";
import type { GCPolicy, WorkerRecord } from "../../../api/buildkit/types.ts";
import type { CacheRule } from "../../../builder/cache/cache-rules.ts";
import { runnablePlatforms } from "../../../builder/steps/foreign-platform.ts";
import type { Written } from "../../../lib/protobuf/message.ts";
import { version } from "../../../lib/version.ts";

/** Clients know BuildKit by the version of the program; this one is no BuildKit. */
export const buildkitVersion = { package: "dhow", version, revision: "" };

const platforms = (): Written<typeof Platform>[] =>
  runnablePlatforms().map(({ os, architecture, variant }) => ({ os, architecture, ...(variant ? { variant } : {}) }));

const policyOf = (rule: CacheRule): Written<typeof GCPolicy> => ({
  all: rule.all,
  keepDuration: BigInt(rule.unusedForMs) * 1_000_000n,
  reservedSpace: rule.reservedBytes,
  filters: rule.types.length === 0 ? [] : [rule.types.map((type) => `type==${type}`).join(",")],
  maxUsedSpace: rule.maxUsedBytes,
  minFreeSpace: rule.minFreeBytes,
});

export function workers(rules: readonly CacheRule[]): Written<typeof WorkerRecord>[] {
  const labels = new Map([
    ["org.mobyproject.buildkit.worker.executor", "oci"],
    // By this label buildx knows a builder that exports archives, indexes and cache, attests, and pushes by itself.
    ["org.mobyproject.buildkit.worker.snapshotter", "dhow"],
  ]);
  return [{ id: "dhow", labels, platforms: platforms(), gcPolicy: rules.map(policyOf), buildkitVersion }];
}
