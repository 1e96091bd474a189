import type { EnginePaths } from "../lib/engine-paths.ts";
import type { CdiRegistry } from "../runtime/cdi/registry.ts";
import type { HostFacts } from "../runtime/host-facts.ts";
import type { OciRuntimes } from "../runtime/oci-runtime.ts";
import { Bundles } from "../runtime/spec/bundle.ts";
import type { EngineConfig } from "./config.ts";

/** What containers that say nothing get, by the engine's configuration. */
export function makeBundles(
  config: EngineConfig,
  paths: EnginePaths,
  { host, runtimes, cdi }: { host: HostFacts; runtimes: OciRuntimes; cdi: CdiRegistry },
): Bundles {
  return new Bundles({
    host,
    runtimes,
    cdi,
    seccompDirectory: paths.seccomp,
    seccompProfile: config.seccompProfile,
    defaults: {
      cgroupParent: config.cgroupParent ?? `/${config.instance}`,
      get shmSize() {
        return config.shmSize;
      },
      ipcMode: "private",
      cgroupnsMode: host.cgroupVersion === 2 ? "private" : "host",
      init: config.init,
      initPath: config.initPath ?? "/usr/bin/tini-static",
      noNewPrivileges: config.noNewPrivileges,
      ulimits: config.defaultUlimits,
    },
  });
}
