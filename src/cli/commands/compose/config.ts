import { writeFile } from "node:fs/promises";
import { configQuery, configText, hashLines, type Query } from "../../../compose/config.ts";
import { loadProject } from "../../../compose/load.ts";
import type { LoadOptions } from "../../../compose/load-options.ts";
import type { Format } from "../../../compose/schema/type.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { imagesOnly, withImageDigests } from "../../compose/image-digests.ts";
import { Scope } from "../../compose/scope.ts";

const flags = {
  ...dryRunFlag,
  environment: flag.bool("Print the variables that the files see"),
  format: flag.string("How to print: yaml or json", { complete: ["yaml", "json"] }),
  hash: flag.string("Print the hashes of these services, * for all"),
  images: flag.bool("Print the names of the images"),
  "lock-image-digests": flag.bool("Print an override file that pins the images to their digests"),
  models: flag.bool("Print the models"),
  networks: flag.bool("Print the names of the networks"),
  "no-consistency": flag.bool("Don't look whether the parts fit together; the output may not be valid"),
  "no-env-resolution": flag.bool("Accepted as Docker's Compose 2.40 accepts it, which resolves env files all the same"),
  "no-interpolate": flag.bool("Leave variables as they are"),
  "no-normalize": flag.bool("Leave out what is implied"),
  "no-path-resolution": flag.bool("Leave paths as they are"),
  output: flag.string("File to write to (default: standard output)", { short: "o", complete: "files" }),
  profiles: flag.bool("Print the names of the profiles"),
  quiet: flag.bool("Check the files and print nothing", { short: "q" }),
  "resolve-image-digests": flag.bool("Pin the images to their digests"),
  services: flag.bool("Print the names of the services"),
  variables: flag.bool("Print the variables of the files, with their defaults"),
  volumes: flag.bool("Print the names of the volumes"),
};

/** Docker's order, when several are asked for. */
const asked: readonly Query[] = [
  "services",
  "volumes",
  "networks",
  "models",
  "profiles",
  "images",
  "variables",
  "environment",
];

export const command = defineCommand({
  summary: "Check the Compose files and print the project that they make",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags,
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const options: LoadOptions = {
      ...scope.loadOptions({ services: args }),
      interpolate: !flags["no-interpolate"],
      normalize: !flags["no-normalize"] && !scope.flags.compatibility,
      resolvePaths: !flags["no-path-resolution"],
      consistency: !flags["no-consistency"],
    };
    const print = async (text: string): Promise<number> => {
      if (flags.quiet) return 0;
      if (flags.output === "") cli.out(text);
      else await writeFile(flags.output, text);
      return 0;
    };
    if (flags.hash !== "" && !flags.services && !flags.volumes) return print(await hashes(flags.hash, options));
    const query = asked.find((one) => flags[one]);
    if (query) return print(await configQuery(query, options));
    const isPinned = flags["resolve-image-digests"] || flags["lock-image-digests"];
    const text = await configText({
      ...options,
      format: formatOf(flags.format),
      ...(isPinned && {
        images: async (project) => {
          const pinned = await withImageDigests(cli, project);
          return flags["lock-image-digests"] ? imagesOnly(pinned) : pinned;
        },
      }),
    });
    return print(text);
  },
});

function formatOf(text: string): Format {
  if (text === "" || text === "yaml") return "yaml";
  if (text === "json") return text;
  throw new ExitError(1, `unsupported format ${JSON.stringify(text)}`);
}

async function hashes(wanted: string, options: LoadOptions): Promise<string> {
  const names = wanted === "*" ? [] : wanted.split(",");
  const { services: _, ...rest } = options;
  const project = await loadProject({ ...rest, resolveEnvironment: false });
  for (const name of names) {
    if (Object.hasOwn(project.services, name)) continue;
    const isOff = Object.hasOwn(project.disabledServices, name);
    throw new ExitError(1, `no such service: ${name}: ${isOff ? "disabled" : "not found"}`);
  }
  return hashLines(project, names);
}
