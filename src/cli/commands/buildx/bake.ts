import { flag } from "../../../lib/flags.ts";
import { define } from "../../build/bake/definition.ts";
import { readBakeFiles } from "../../build/bake/files.ts";
import { readOverrides } from "../../build/bake/overrides.ts";
import { printed, targetList } from "../../build/bake/print.ts";
import { resolve } from "../../build/bake/resolve.ts";
import { runTargets } from "../../build/bake/run.ts";
import { progressFlag } from "../../build/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { alignTable } from "../../format.ts";
import { checkBuilder } from "../image/build.ts";

export const command = defineCommand({
  summary: "Build the targets of a bake or Compose file",
  usage: "[TARGET...]",
  args: { min: 0 },
  flags: {
    allow: flag.list("Grant RUN of every target a right: network.host, security.insecure, device"),
    builder: flag.string("Another builder (there is one: default)"),
    call: flag.string("What to ask of the Dockerfiles: build, check, outline, targets", {
      initial: "build",
      complete: ["build", "check", "outline", "targets"],
    }),
    check: flag.bool("Only check the Dockerfiles, as --call=check"),
    debug: flag.bool("Tell warnings in full", { short: "D" }),
    file: flag.list("File with targets (HCL, JSON or Compose)", { short: "f", complete: "files" }),
    list: flag.string("List what the files have: targets", { complete: ["targets"] }),
    load: flag.bool("Keep the images in the engine's store"),
    "metadata-file": flag.string("File that receives facts about the results", { complete: "files" }),
    "no-cache": flag.bool("Use no layer of an earlier build"),
    print: flag.bool("Print what would be built, as JSON"),
    progress: progressFlag,
    provenance: flag.string("Record how it was built: true, false, or mode=min|max"),
    pull: flag.bool("Fetch base images though they are here"),
    push: flag.bool("Push the images"),
    sbom: flag.string("List what is in it: true, or a generator's image"),
    set: flag.list("Setting of targets above the file's (target.key=value)"),
  },
  async run(cli, { flags, changed, args }) {
    checkBuilder(flags.builder);
    const definition = define(await readBakeFiles(flags.file), process.env);
    if (flags.list !== "") {
      if (!/^(type=)?targets(,|$)/.test(flags.list))
        throw new ExitError(1, `ERROR: --list ${flags.list} is not supported: only targets is`);
      cli.out(alignTable([["TARGET", "DESCRIPTION"], ...targetList(definition.targets, definition.groups)]));
      return 0;
    }
    const everywhere = ["no-cache", "pull"].filter((name) => changed.has(name));
    const settings = everywhere.map((name) => `*.${name}=${flags[name as "pull"]}`);
    const resolved = resolve(definition, args, readOverrides([...settings, ...flags.set]));
    if (flags.print) {
      cli.out(printed(resolved, flags.check || flags.call === "check"));
      return 0;
    }
    return await runTargets(cli, resolved, flags);
  },
});
