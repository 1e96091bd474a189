/** The flags that stand between `compose` and its command. */
import { type FlagValues, flag } from "../../lib/flags.ts";

export const composeFlags = {
  "all-resources": flag.bool("Keep networks, volumes, secrets and configs that no service uses"),
  ansi: flag.string("When to print ANSI control characters", {
    initial: "auto",
    complete: ["never", "always", "auto"],
  }),
  compatibility: flag.bool(
    "Names joined with underscores, as the first Compose had them (not supported: ignored with a warning)",
  ),
  "dry-run": flag.bool("Tell what would be done and do nothing"),
  "env-file": flag.list("File of variables for the Compose file, instead of .env", { complete: "files" }),
  file: flag.list("Compose file; several are merged in order", { short: "f", complete: "files" }),
  "insecure-registry": flag.list("Registry that oci:// files may be fetched from without TLS", { hidden: true }),
  parallel: flag.int("How many calls at a time; -1 for all", { initial: -1 }),
  profile: flag.list("Profile whose services count too"),
  progress: flag.string("How progress is shown", {
    initial: "auto",
    complete: ["auto", "tty", "plain", "json", "quiet"],
  }),
  "project-directory": flag.string("Directory that relative paths start from (default: that of the first file)", {
    complete: "files",
  }),
  "project-name": flag.string("Name of the project", { short: "p" }),
};

export type ComposeFlags = FlagValues<typeof composeFlags>;

/** What holds where `compose` was not typed. */
export function initialFlags(): ComposeFlags {
  return Object.fromEntries(Object.entries(composeFlags).map(([name, { initial }]) => [name, initial])) as ComposeFlags;
}

/** The flag that every command of `compose` has too. */
export const dryRunFlag = { "dry-run": flag.bool("Tell what would be done and do nothing") };

/** Whether an environment variable says yes. */
export const isOn = (variable: string): boolean => /^(1|true|t)$/i.test(process.env[variable] ?? "");
