import type { DeviceRequest } from "../../api/host-config.ts";
import { invalidArgument, systemError } from "../../lib/errors.ts";

const gpuKind = "nvidia.com/gpu";

/** What a request for GPUs may ask of them beside being there. */
const gpuCapabilities: ReadonlySet<string> = new Set(
  "gpu nvidia compute compat32 graphics utility video display ngx".split(" "),
);

/**
 * CDI names for the device requests of a container: those of `--device vendor.com/class=name` as they are, and GPUs as
 * NVIDIA's specification names them. `known` lists the names there are; it is asked for GPUs only.
 */
export function cdiNames(requests: readonly DeviceRequest[], known: () => readonly string[]): string[] {
  return requests.flatMap((request) => {
    if (request.Count !== 0 && (request.DeviceIDs?.length ?? 0) > 0) {
      throw invalidArgument("cannot set both Count and DeviceIDs on device request");
    }
    return request.Driver === "cdi" ? (request.DeviceIDs ?? []) : gpuNames(request, known());
  });
}

function gpuNames(request: DeviceRequest, known: readonly string[]): string[] {
  const { Driver, Count, DeviceIDs, Capabilities } = request;
  const gpus = known.filter((name) => name.startsWith(`${gpuKind}=`));
  const isGpu = Capabilities.some((all) => all.includes("gpu") && all.every((each) => gpuCapabilities.has(each)));
  if (!isGpu || gpus.length === 0 || (Driver !== "" && Driver !== "nvidia")) {
    const wanted = Capabilities.map((all) => `[${all.join(" ")}]`).join(" ");
    throw systemError(`could not select device driver "${Driver}" with capabilities: [${wanted}]`);
  }
  if (DeviceIDs?.length) return DeviceIDs.map((id) => `${gpuKind}=${id}`);
  if (Count >= 0) return Array.from({ length: Count }, (_, index) => `${gpuKind}=${index}`);
  const all = `${gpuKind}=all`;
  return gpus.includes(all) ? [all] : gpus;
}
