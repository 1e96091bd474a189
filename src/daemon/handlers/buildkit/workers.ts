/** What the builder runs on, as BuildKit's clients list it. */
import type { Platform } from "../../../api/buildkit/ops.ts";
import type { WorkerRecord } from "../../../api/buildkit/types.ts";
import { hostPlatform } from "../../../lib/platform.ts";
import type { Written } from "../../../lib/protobuf/message.ts";
import { version } from "../../../lib/version.ts";

/** Clients know BuildKit by the version of the program; this one is no BuildKit. */
export const buildkitVersion = { package: "dhow", version, revision: "" };

const platformOf = (): Written<typeof Platform> => {
  const { os, architecture, variant } = hostPlatform();
  return { os, architecture, ...(variant ? { variant } : {}) };
};

export function workers(): Written<typeof WorkerRecord>[] {
  const labels = new Map([
    ["org.mobyproject.buildkit.worker.executor", "oci"],
    // By this label buildx knows a builder that exports archives, indexes and cache, attests, and pushes by itself.
    ["org.mobyproject.buildkit.worker.snapshotter", "dhow"],
  ]);
  return [{ id: "dhow", labels, platforms: [platformOf()], buildkitVersion }];
}
