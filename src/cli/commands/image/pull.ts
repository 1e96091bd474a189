import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { refuseContentTrust } from "../../image/content-trust.ts";
import { pullImage, splitReference } from "../../image/pull.ts";
import { clientReference } from "../../image/reference.ts";

export const command = defineCommand({
  summary: "Fetch an image from a registry",
  usage: "NAME[:TAG|@DIGEST]",
  args: { min: 1, max: 1 },
  flags: {
    "all-tags": flag.bool("Fetch every tag of the repository", { short: "a" }),
    "disable-content-trust": flag.bool("Accepted for compatibility", { initial: true, hidden: true }),
    platform: flag.string("Platform of the image, such as linux/amd64"),
    quiet: flag.bool("Print the name only", { short: "q" }),
  },
  async run(cli, { flags, changed, args: [name = ""] }) {
    clientReference(name);
    const { repository, tag } = splitReference(name);
    if (flags["all-tags"] && tag) throw new ExitError(1, "tag can't be used with --all-tags/-a");
    if (!flags["all-tags"] && !tag && !flags.quiet) cli.out("Using default tag: latest\n");
    refuseContentTrust(flags["disable-content-trust"], changed);
    const platform = flags.platform || process.env.DOCKER_DEFAULT_PLATFORM || "";
    await pullImage(cli, name, { platform, quiet: flags.quiet, output: cli.stdout, allTags: flags["all-tags"] });
    cli.out(
      `${familiar(repository)}${flags["all-tags"] ? "" : tag.includes(":") ? `@${tag}` : `:${tag || "latest"}`}\n`,
    );
    return 0;
  },
});

/** A repository with its registry, as the last line of a pull names it. */
function familiar(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  if (rest.length === 0) return `docker.io/library/${repository}`;
  return /[.:]/.test(first) || first === "localhost" ? repository : `docker.io/${repository}`;
}
