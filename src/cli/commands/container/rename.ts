import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Give a container another name",
  usage: "CONTAINER NEW_NAME",
  args: { min: 2, max: 2 },
  flags: {},
  complete: "containers",
  async run(cli, { args: [name = "", next = ""] }) {
    const client = await cli.client();
    await client.json("POST", `/containers/${encodeURIComponent(name)}/rename`, { query: { name: next } });
    return 0;
  },
});
