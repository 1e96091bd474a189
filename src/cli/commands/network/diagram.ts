import type { ContainerSummary } from "../../../api/containers.ts";
import type { Network } from "../../../api/networks.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { diagramText } from "../../network/diagram-text.ts";
import { topologyOf } from "../../network/topology.ts";
import { writeBody } from "../../save-file.ts";

const formats = ["text", "svg"];

export const command = defineCommand({
  summary: "Draw what is connected to what",
  usage: "[NETWORK...]",
  args: { min: 0 },
  flags: {
    all: flag.bool("Draw stopped containers too", { short: "a" }),
    format: flag.string("How to draw: text or svg; svg when the output's name ends so", { complete: formats }),
    output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }),
  },
  complete: "networks",
  details:
    "Networks with their containers and published ports, as a tree or as a drawing. With names of networks only these\nare drawn. Everything comes over the API, so it works with any daemon.",
  async run(cli, { flags, args }) {
    const format = flags.format || (flags.output.toLowerCase().endsWith(".svg") ? "svg" : "text");
    if (!formats.includes(format)) throw new ExitError(1, `invalid format "${format}": must be text or svg`);
    const client = await cli.client();
    const networks = await client.json<Network[]>(to(paths.networkList));
    const containers = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all: flags.all }));
    const { missing, ...topology } = topologyOf(networks, containers, args);
    if (missing.length > 0) throw new ExitError(1, missing.map((name) => `network ${name} not found`).join("\n"));
    const text = format === "svg" ? await drawing(topology) : diagramText(topology);
    if (flags.output === "") cli.out(text);
    else await writeBody(cli, { path: flags.output, what: "write the diagram" }, async () => ({ body: once(text) }));
    return 0;
  },
});

async function drawing(topology: Parameters<typeof diagramText>[0]): Promise<string> {
  const { layoutOf } = await import("../../network/diagram-layout.ts");
  const { diagramSvg } = await import("../../network/diagram-svg.ts");
  return diagramSvg(layoutOf(topology));
}

async function* once(text: string): AsyncGenerator<Uint8Array, void> {
  yield new TextEncoder().encode(text);
}
