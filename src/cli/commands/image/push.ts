import type { ProgressMessage } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { registryAuthHeader } from "../../image/auth.ts";
import { refuseContentTrust } from "../../image/content-trust.ts";
import { platformQuery } from "../../image/platform.ts";
import { showProgress } from "../../image/progress.ts";
import { splitReference } from "../../image/pull.ts";
import { clientReference } from "../../image/reference.ts";
import { silent } from "../../output.ts";

const platformNote = `
 Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.
         Other components, like attestations, will not be included.
         To push the complete multi-platform image, remove the --platform flag.
         
`;

export const command = defineCommand({
  summary: "Send an image to a registry",
  usage: "NAME[:TAG]",
  args: { min: 1, max: 1 },
  flags: {
    "all-tags": flag.bool("Send every tag of the repository", { short: "a" }),
    "disable-content-trust": flag.bool("Accepted for compatibility", { initial: true, hidden: true }),
    platform: flag.string("Send this platform only, os[/arch[/variant]]"),
    quiet: flag.bool("Show no progress", { short: "q" }),
  },
  complete: "images",
  async run(cli, { flags, changed, args: [name = ""] }) {
    const platform = platformOf(cli, flags.platform);
    const { digest } = clientReference(name);
    const client = await cli.client();
    const { repository, tag } = splitReference(name);
    if (flags["all-tags"] && tag) throw new ExitError(1, "tag can't be used with --all-tags/-a");
    if (!flags["all-tags"] && !tag && !flags.quiet) cli.out("Using default tag: latest\n");
    if (digest !== null) throw new ExitError(1, "cannot push a digest reference");
    refuseContentTrust(flags["disable-content-trust"], changed);
    const messages = client.jsonStream<ProgressMessage>(
      to(paths.imagePush, { name: repository }, { tag: flags["all-tags"] ? "" : tag || "latest", platform }),
      { headers: await registryAuthHeader(cli, name) },
    );
    await showProgress(messages, flags.quiet ? silent : cli.stdout, !flags.quiet && isTerminal(1));
    if (flags.quiet) cli.out(flags["all-tags"] ? `${repository}\n` : `${repository}:${tag || "latest"}\n`);
    return 0;
  },
});

/** The platform as the API wants it; what it means, or that it is none, is told. */
function platformOf(cli: Cli, text: string): string | undefined {
  if (text === "") return undefined;
  const platform = platformQuery(text, `Invalid platform ${text}`);
  cli.out(platformNote);
  return platform;
}
