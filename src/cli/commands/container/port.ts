import { messageOf } from "../../../lib/errors.ts";
import { splitPair } from "../../../lib/flags.ts";
import { parseUnsigned } from "../../../lib/flags-numbers.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { inspectContainer } from "../../container/run.ts";

export const command = defineCommand({
  summary: "List where a container's ports are published",
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  args: { min: 1, max: 2 },
  flags: {},
  complete: { byPlace: ["containers"] },
  async run(cli, { args: [name = "", wanted = ""] }) {
    const found = await inspectContainer(await cli.client(), name);
    const { Ports } = found.NetworkSettings;
    const address = (ip: string, port: string): string => `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
    if (wanted !== "") {
      const [port, protocol] = splitPair(wanted, "/");
      try {
        parseUnsigned(port, 65535);
      } catch (error) {
        throw new ExitError(1, `Error: invalid port (${port}): ${messageOf(error)}`);
      }
      const bindings = Ports[`${port}/${protocol || "tcp"}`];
      if (!bindings?.length) throw new ExitError(1, `Error: No public port '${wanted}' published for ${name}`);
      for (const { HostIp, HostPort } of bindings) cli.out(`${address(HostIp, HostPort)}\n`);
      return 0;
    }
    const rows = Object.entries(Ports).flatMap(([key, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => ({
        port: Number.parseInt(key, 10),
        line: `${key} -> ${address(HostIp, HostPort)}`,
      })),
    );
    rows.sort((a, b) => a.port - b.port);
    for (const { line } of rows) cli.out(`${line}\n`);
    return 0;
  },
});
