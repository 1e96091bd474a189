import { paths } from "../../../api/paths.ts";
import type { GcReport } from "../../../api/system.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand } from "../../command.ts";
import { reportRemoved, reportSpace } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove what the daemon's garbage collection policy gives up",
  usage: "",
  args: { min: 0, max: 0 },
  flags: { "dry-run": flag.bool("Only tell what would be removed") },
  async run(cli, { flags }) {
    const client = await cli.client();
    const report = await client.json<GcReport>(to(paths.gc, {}, { dryRun: flags["dry-run"] }));
    const verb = report.DryRun ? "Would delete" : "Deleted";
    const containers = report.Containers.map(
      ({ ID, Name, StoppedSince }) => `${ID} ${Name}, stopped since ${StoppedSince}`,
    );
    const images = report.Images.map(
      ({ ID, RepoTags, UnusedSince }) => `${ID} ${RepoTags.join(" ") || "<none>"}, unused since ${UnusedSince}`,
    );
    reportRemoved(cli, `${verb} Containers`, containers);
    reportRemoved(cli, `${verb} Images`, images);
    if (report.DryRun) cli.out(`Total reclaimable space: ${humanSize(report.SpaceReclaimed)}\n`);
    else reportSpace(cli, report.SpaceReclaimed);
    return 0;
  },
});
