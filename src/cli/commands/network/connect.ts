import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { addPair } from "../../container/env-file.ts";
import { checkLink } from "../../container/name-checks.ts";

export const command = defineCommand({
  summary: "Join a container to a network",
  usage: "NETWORK CONTAINER",
  args: { min: 2, max: 2 },
  flags: {
    alias: flag.strings("Further name of the container in the network"),
    "driver-opt": flag.strings("Option of the driver"),
    "gw-priority": flag.int("The network of highest priority gives the default gateway"),
    ip: flag.string("IPv4 address"),
    ip6: flag.string("IPv6 address"),
    link: flag.list("Link to another container (name:alias)", { check: checkLink }),
    "link-local-ip": flag.strings("Link-local address"),
  },
  complete: { byPlace: ["networks", "containers"] },
  async run(cli, { flags, args: [network = "", Container = ""] }) {
    const client = await cli.client();
    const DriverOpts: Record<string, string> = {};
    for (const option of flags["driver-opt"]) {
      if (!/^[^=]+=/.test(option)) throw new Error("invalid key/value pair format in driver options");
      addPair(DriverOpts, option);
    }
    await client.json(to(paths.networkConnect, { id: network }), {
      json: {
        Container,
        EndpointConfig: {
          IPAMConfig: { IPv4Address: flags.ip, IPv6Address: flags.ip6, LinkLocalIPs: flags["link-local-ip"] },
          Links: flags.link,
          Aliases: flags.alias,
          DriverOpts,
          GwPriority: flags["gw-priority"],
        },
      },
    });
    return 0;
  },
});
