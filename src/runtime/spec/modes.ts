import type { SpecInput } from "./input.ts";

/** True for a namespace mode that is not the container's own: `host`, `container:ID`. */
const isSharedMode = (mode: string | null | undefined): boolean =>
  mode === "host" || mode?.startsWith("container:") === true;

/** True when the engine puts its own init in front: asked for (or the default), and the container has a pid 1 of its own. */
export function wantsInit({ hostConfig, defaults }: Pick<SpecInput, "hostConfig" | "defaults">): boolean {
  return (hostConfig.Init ?? defaults.init) && !isSharedMode(hostConfig.PidMode);
}
