import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Join standard input and output with the daemon's socket",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {},
  hidden: true,
  async run(cli) {
    const stream = await cli.connect();
    const sending = (async () => {
      for await (const bytes of Bun.stdin.stream()) await stream.write(bytes);
      stream.end();
    })();
    // The daemon's end ends us; our own input's failure is its end.
    sending.catch(() => stream.end());
    for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) await cli.stdout.bytes(bytes);
    return 0;
  },
});
