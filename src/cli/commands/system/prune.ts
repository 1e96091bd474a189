import type { ContainerPruneResponse } from "../../../api/containers.ts";
import type { ImagePruneResponse } from "../../../api/images.ts";
import type { NetworkPruneResponse } from "../../../api/networks.ts";
import { paths } from "../../../api/paths.ts";
import type { VolumePruneResponse } from "../../../api/volumes.ts";
import { ApiError } from "../../../client/client.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { confirm, pruneFilters, reportRemoved, reportSpace } from "../../prune.ts";

/** The routes that prune one noun. */
type PruneSpec = {
  readonly method: "POST";
  readonly path: `/${"containers" | "networks" | "volumes" | "images"}/prune`;
  readonly query: { readonly filters: "filters" };
};

export const command = defineCommand({
  summary: "Remove what is not used",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    all: flag.bool("Remove every image that no container uses", { short: "a" }),
    filter: flag.filter("Remove only what meets a condition (label=..., until=...)", { short: "" }),
    force: flag.bool("Do not ask", { short: "f" }),
    volumes: flag.bool("Remove anonymous volumes too"),
  },
  async run(cli, { flags }) {
    if (flags.volumes && flags.filter.until)
      throw new ExitError(1, `ERROR: The "until" filter is not supported with "--volumes"`);
    const lines = [
      "all stopped containers",
      "all networks not used by at least one container",
      ...(flags.volumes ? ["all anonymous volumes not used by at least one container"] : []),
      flags.all ? "all images without at least one container associated to them" : "all dangling images",
      flags.all ? "all build cache" : "unused build cache",
    ];
    const warning = `WARNING! This will remove:\n${lines.map((line) => `  - ${line}\n`).join("")}`;
    if (!flags.force && !(await confirm(cli, warning))) return 1;
    const client = await cli.client();
    const filters = await pruneFilters(cli, flags.filter);
    const prune = <T>(spec: PruneSpec, extra: Record<string, string[]> = {}): Promise<T> =>
      client.json<T>(to(spec, {}, { filters: filterQuery({ ...filters, ...extra }) }));
    let space = 0;
    const containers = await prune<ContainerPruneResponse>(paths.containerPrune);
    reportRemoved(cli, "Deleted Containers", containers.ContainersDeleted);
    space += Number(containers.SpaceReclaimed);
    const networks = await prune<NetworkPruneResponse>(paths.networkPrune);
    reportRemoved(cli, "Deleted Networks", networks.NetworksDeleted);
    if (flags.volumes) {
      const volumes = await prune<VolumePruneResponse>(paths.volumePrune);
      reportRemoved(cli, "Deleted Volumes", volumes.VolumesDeleted);
      space += Number(volumes.SpaceReclaimed);
    }
    const images = await prune<ImagePruneResponse>(paths.imagePrune, { dangling: [String(!flags.all)] });
    const names = (images.ImagesDeleted ?? []).map(({ Deleted, Untagged }) =>
      Deleted !== undefined ? `deleted: ${Deleted}` : `untagged: ${Untagged}`,
    );
    reportRemoved(cli, "Deleted Images", names);
    space += Number(images.SpaceReclaimed);
    try {
      const cache = await client.json<{ CachesDeleted?: string[]; SpaceReclaimed: number }>(
        to(paths.buildPrune, {}, { all: flags.all }),
      );
      reportRemoved(cli, "Deleted build cache objects", cache.CachesDeleted);
      space += Number(cache.SpaceReclaimed);
    } catch (error) {
      // A daemon without a builder has no cache to drop.
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 501)) throw error;
    }
    reportSpace(cli, space);
    return 0;
  },
});
