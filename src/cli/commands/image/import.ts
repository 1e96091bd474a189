import type { ProgressMessage } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand } from "../../command.ts";
import { showProgress } from "../../image/progress.ts";
import { splitReference } from "../../image/pull.ts";
import { clientReference } from "../../image/reference.ts";
import { openInput } from "../../input-file.ts";

export const command = defineCommand({
  summary: "Make an image from a tar archive of a file system",
  usage: "file|URL|- [REPOSITORY[:TAG]]",
  args: { min: 1 },
  flags: {
    change: flag.list("Dockerfile instruction to apply", { short: "c" }),
    message: flag.string("Message of the image's history", { short: "m" }),
    platform: flag.string("Platform of the image, such as linux/arm64"),
  },
  complete: "files",
  async run(cli, { flags, args: [source = "", reference = ""] }) {
    const client = await cli.client();
    const remote = /^(https?:\/\/)/.test(source);
    const body = remote ? undefined : await openInput(source);
    if (reference !== "") clientReference(reference);
    const { repository, tag } = splitReference(reference);
    const messages = client.jsonStream<ProgressMessage>(
      to(
        paths.imageCreate,
        {},
        {
          fromSrc: remote ? source : "-",
          repo: repository,
          tag,
          message: flags.message,
          changes: flags.change,
          platform: flags.platform,
        },
      ),
      { ...(body && { body, headers: { "Content-Type": "text/plain" } }) },
    );
    await showProgress(messages, cli.stdout, isTerminal(1));
    return 0;
  },
});
