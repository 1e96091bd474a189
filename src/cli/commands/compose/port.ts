import type { ContainerSummary } from "../../../api/containers.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { indexFlags, serviceContainer } from "../../compose/delegate.ts";

export const command = defineCommand({
  summary: "Print where a port of a service is published",
  usage: "SERVICE PRIVATE_PORT",
  args: { min: 2, max: 2 },
  complete: { byPlace: ["services"] },
  flags: {
    ...indexFlags,
    protocol: flag.string("tcp or udp", { initial: "tcp", complete: ["tcp", "udp"] }),
  },
  async run(cli, input) {
    const [service = "", text = ""] = input.args;
    const port = Number(text);
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw new ExitError(1, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    const container = await serviceContainer(cli, input, service);
    if (!container) return 0;
    const { protocol } = input.flags;
    const found = container.summary.Ports.find(
      (each) => each.PrivatePort === port && each.Type === protocol && each.PublicPort,
    );
    if (!found)
      throw new ExitError(
        1,
        `no port ${port}/${protocol} for container ${container.name}: ${publishedPorts(container.summary)}`,
      );
    const ip = found.IP ?? "";
    cli.out(`${ip.includes(":") ? `[${ip}]` : ip}:${found.PublicPort}\n`);
    return 0;
  },
});

/** `32768/tcp, 32769/udp`: the host's ports. */
const publishedPorts = ({ Ports }: ContainerSummary): string =>
  [...new Set(Ports.flatMap(({ PublicPort, Type }) => (PublicPort ? [`${PublicPort}/${Type}`] : [])))].join(", ");
