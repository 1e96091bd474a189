import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Take a container out of a network",
  usage: "NETWORK CONTAINER",
  args: { min: 2, max: 2 },
  flags: { force: flag.bool("Even if the container is in trouble", { short: "f" }) },
  complete: { byPlace: ["networks", "containers"] },
  async run(cli, { flags, args: [network = "", Container = ""] }) {
    const client = await cli.client();
    await client.json(to(paths.networkDisconnect, { id: network }), { json: { Container, Force: flags.force } });
    return 0;
  },
});
