import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { parseTimestamp } from "../../../lib/duration.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { inspectContainer } from "../../container/run.ts";
import { copyFrames, copyRaw } from "../../container/streams.ts";

export const command = defineCommand({
  summary: "Print what a container wrote",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  flags: {
    details: flag.bool("Print the extra attributes of the log driver"),
    follow: flag.bool("Go on with what comes", { short: "f" }),
    since: flag.string("Only what is newer than a time (2013-01-02T13:23:37Z) or a duration ago (42m)"),
    tail: flag.string("How many lines from the end", { short: "n", initial: "all" }),
    timestamps: flag.bool("Print when each line was written", { short: "t" }),
    until: flag.string("Only what is older than a time or a duration ago"),
  },
  complete: "containers",
  async run(cli, { flags, args: [name = ""] }) {
    const client = await cli.client();
    const now = new Date();
    const found = await inspectContainer(client, name);
    const { headers, body } = await client.stream(
      to(
        paths.containerLogs,
        { id: found.Id },
        {
          stdout: true,
          stderr: true,
          follow: flags.follow,
          details: flags.details,
          since: readTime("since", flags.since, now),
          until: readTime("until", flags.until, now),
          tail: flags.tail,
          timestamps: flags.timestamps,
        },
      ),
    );
    const read = async (): Promise<Uint8Array | null> => {
      const { done, value } = await body.next();
      return done ? null : value;
    };
    const raw = headers.get("content-type") === "application/vnd.docker.raw-stream" || found.Config.Tty;
    await (raw ? copyRaw(read, cli.stdout) : copyFrames(read, cli.stdout, cli.stderr));
    return 0;
  },
});

function readTime(name: string, text: string, now: Date): string {
  try {
    return parseTimestamp(text, now);
  } catch (error) {
    throw new Error(`invalid value for "${name}": ${error instanceof Error ? error.message : error}`);
  }
}
