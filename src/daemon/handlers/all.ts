import type { Backends } from "../backends.ts";
import type { Handlers } from "../call.ts";
import { createBuildkit } from "./buildkit/buildkit.ts";
import { buildHandlers } from "./builds.ts";
import { containerHandlers } from "./containers.ts";
import { execHandlers } from "./exec.ts";
import { imagePartsHandlers } from "./image-parts.ts";
import { imageHandlers } from "./images.ts";
import { networkHandlers } from "./networks.ts";
import { systemHandlers } from "./system.ts";
import { volumeTransferHandlers } from "./volume-transfers.ts";
import { volumeHandlers } from "./volumes.ts";

/** Every route's handler, bound to its backend. */
export function createHandlers(backends: Backends): Handlers {
  const buildkit = createBuildkit(backends.builds);
  return {
    ...containerHandlers(backends.containers),
    ...execHandlers(backends.exec),
    ...buildHandlers(backends.builds, buildkit.sessionBuilds),
    ...buildkit.handlers,
    ...imageHandlers(backends.images),
    ...imagePartsHandlers(backends.imageParts),
    ...networkHandlers(backends.networks),
    ...volumeHandlers(backends.volumes),
    ...volumeTransferHandlers(backends.volumeTransfers),
    ...systemHandlers(backends.system),
  };
}
