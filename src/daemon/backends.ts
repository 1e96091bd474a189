import { notImplemented } from "../lib/errors.ts";
import type { ControlBackend } from "./handlers/buildkit/control.ts";
import type { BuildsBackend } from "./handlers/builds.ts";
import type { ContainersBackend } from "./handlers/containers.ts";
import type { ExecBackend } from "./handlers/exec.ts";
import type { ImagePartsBackend } from "./handlers/image-parts.ts";
import type { ImagesBackend } from "./handlers/images.ts";
import type { NetworksBackend } from "./handlers/networks.ts";
import type { SystemBackend } from "./handlers/system.ts";
import type { VolumeTransfersBackend } from "./handlers/volume-transfers.ts";
import type { VolumesBackend } from "./handlers/volumes.ts";

/** The services behind the handlers. */
export interface Backends {
  readonly containers: ContainersBackend;
  readonly exec: ExecBackend;
  readonly builds: BuildsBackend & ControlBackend;
  readonly images: ImagesBackend;
  readonly imageParts: ImagePartsBackend;
  readonly networks: NetworksBackend;
  readonly volumes: VolumesBackend;
  readonly volumeTransfers: VolumeTransfersBackend;
  readonly system: SystemBackend;
}

/** Services of which some, or some of their methods, do not exist yet. */
export type PartialBackends = { readonly [K in keyof Backends]?: Partial<Backends[K]> };

const nouns = [
  "containers",
  "exec",
  "builds",
  "images",
  "imageParts",
  "networks",
  "volumes",
  "volumeTransfers",
  "system",
] as const;

/** Fills the gaps with methods that answer 501 and say what is missing. */
export function completeBackends(partial: PartialBackends): Backends {
  const filled = nouns.map((noun) => [noun, complete(noun, partial[noun] ?? {})]);
  // Each proxy answers for every method of its interface, which is what the type says.
  return Object.fromEntries(filled) as unknown as Backends;
}

function complete(noun: string, backend: object): object {
  return new Proxy(backend, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (typeof found === "function") return found.bind(target);
      if (found !== undefined) return found;
      return () => {
        throw notImplemented(`${noun} ${String(name)} is not supported by this engine yet`);
      };
    },
  });
}
