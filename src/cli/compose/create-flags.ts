/** The flags that `up` and `create` share, and what they ask for. */
import type { UpOptions } from "../../compose/plan/up.ts";
import { flag } from "../../lib/flags.ts";
import { ExitError } from "../command.ts";
import { isOn } from "./globals.ts";
import type { ImageOptions } from "./images.ts";

export const createFlags = {
  build: flag.bool("Build images first"),
  "force-recreate": flag.bool("Make containers anew though nothing has changed"),
  "no-build": flag.bool("Build no image, whatever its policy"),
  "no-recreate": flag.bool("Leave containers that are there as they are"),
  pull: flag.string("When to pull: always, missing, never", { initial: "policy" }),
  "quiet-pull": flag.bool("Pull without a word"),
  "remove-orphans": flag.bool("Remove containers of services that the file does not have"),
  scale: flag.list("How many containers of a service (SERVICE=NUM)", { kind: "scale" }),
  yes: flag.bool("Say yes to every question", { short: "y" }),
};

interface CreateFlagValues {
  readonly build: boolean;
  readonly "force-recreate": boolean;
  readonly "no-build": boolean;
  readonly "no-recreate": boolean;
  readonly pull: string;
  readonly "quiet-pull": boolean;
  readonly "remove-orphans": boolean;
  readonly scale: readonly string[];
}

/** Throws for flags that contradict each other. */
export function checkCreateFlags(flags: CreateFlagValues): void {
  if (flags["force-recreate"] && flags["no-recreate"])
    throw new ExitError(1, "--force-recreate and --no-recreate are incompatible");
  if (flags.build && flags["no-build"]) throw new ExitError(1, "--build and --no-build are incompatible");
  if (!["policy", "always", "missing", "never", "build", ""].includes(flags.pull))
    throw new ExitError(1, `invalid --pull option ${JSON.stringify(flags.pull)}`);
}

export function imageOptions(flags: CreateFlagValues & { readonly "quiet-build"?: boolean }): ImageOptions {
  return {
    pull: flags.pull,
    build: flags.build,
    noBuild: flags["no-build"],
    quietPull: flags["quiet-pull"],
    quietBuild: flags["quiet-build"] ?? false,
  };
}

export function upOptions(flags: CreateFlagValues, services: readonly string[], start: boolean): UpOptions {
  const recreate = flags["force-recreate"] ? "force" : flags["no-recreate"] ? "never" : "diverged";
  return {
    services,
    recreate,
    recreateDependencies: flags["no-recreate"] ? "never" : "diverged",
    renewVolumes: false,
    removeOrphans: flags["remove-orphans"] || isOn("COMPOSE_REMOVE_ORPHANS"),
    ignoreOrphans: isOn("COMPOSE_IGNORE_ORPHANS"),
    scale: parseScale(flags.scale),
    start,
  };
}

/** What --scale wants, `web=3`. */
export function parseScale(values: readonly string[]): Map<string, number> {
  return new Map(
    values.map((text): [string, number] => {
      const [name = "", count = ""] = text.split("=");
      if (!text.includes("="))
        throw new ExitError(1, `invalid --scale option ${JSON.stringify(text)}. Should be SERVICE=NUM`);
      if (!/^\d+$/.test(count))
        throw new ExitError(1, `strconv.Atoi: parsing ${JSON.stringify(count)}: invalid syntax`);
      return [name, Number(count)];
    }),
  );
}
