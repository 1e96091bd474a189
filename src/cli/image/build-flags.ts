/** The flags of `build`, those among them that are not there yet, and the refusal of these. */
import { type FlagValues, flag } from "../../lib/flags.ts";
import { ExitError } from "../command.ts";
import { checkExtraHost } from "../container/name-checks.ts";

/** What Docker's builder takes and this one does not yet: refused where it is used. */
export const unbuiltFlags = {
  allow: flag.list("Grant RUN a right (not supported yet)"),
  annotation: flag.list("Annotation of the image (not supported yet)"),
  attest: flag.list("Attestation to attach (not supported yet)"),
  "build-context": flag.list("Further context by name (not supported yet)"),
  builder: flag.string("Another builder (not supported yet)"),
  "cache-to": flag.list("Where to export the cache (not supported yet)"),
  call: flag.string("Method to evaluate the file with: build (others are not supported yet)", { initial: "build" }),
  check: flag.bool("Check the file only (not supported yet)"),
  debug: flag.bool("Open a shell where a step fails (not supported yet)", { short: "D" }),
  "metadata-file": flag.string("File that receives facts about the build (not supported yet)", { complete: "files" }),
  "no-cache-filter": flag.list("Stages that use no layer of an earlier build (not supported yet)"),
  output: flag.list("Where the result goes (not supported yet)", { short: "o" }),
  provenance: flag.string("Record of how it was built (not supported yet)"),
  push: flag.bool("Push the image (not supported yet)"),
  sbom: flag.string("List of what is in it (not supported yet)"),
  secret: flag.list("Secret for RUN (not supported yet)"),
  ssh: flag.list("Agent or key for RUN (not supported yet)"),
};

export const buildFlags = {
  ...unbuiltFlags,
  "cache-from": flag.list("Accepted for compatibility: every layer of earlier builds is looked at"),
  "add-host": flag.list("Add a name to the hosts file of RUN (name:address)", { check: checkExtraHost }),
  "build-arg": flag.list("Value of an ARG; without one it is taken from here"),
  "cgroup-parent": flag.string("Cgroup under which those of RUN are made"),
  "cpu-period": flag.int("Length of a CFS period in microseconds"),
  "cpu-quota": flag.int("CPU time per CFS period in microseconds"),
  "cpu-shares": flag.int("Relative weight of CPU time", { short: "c" }),
  "cpuset-cpus": flag.string("CPUs to run on (0-3, 0,1)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1)"),
  file: flag.string("The Dockerfile; PATH/Dockerfile when not given, - for standard input", {
    short: "f",
    complete: "files",
  }),
  "force-rm": flag.bool("Accepted for compatibility: nothing of a failed step stays"),
  iidfile: flag.string("File that receives the image's ID", { complete: "files" }),
  label: flag.list("Label of the image (name=value)"),
  load: flag.bool("Accepted for compatibility: the image is always in the engine's store"),
  memory: flag.bytes("Memory limit of RUN", { short: "m" }),
  "memory-swap": flag.swapBytes("Memory and swap together; -1 for unlimited swap"),
  network: flag.string("Network of RUN: default, none, host, or a network's name", { initial: "default" }),
  "no-cache": flag.bool("Use no layer of an earlier build"),
  platform: flag.string("Platform of the image, such as linux/amd64"),
  progress: flag.string("How progress is shown: auto, plain, quiet", {
    initial: "auto",
    complete: ["auto", "plain", "quiet"],
  }),
  pull: flag.bool("Fetch base images though they are here"),
  quiet: flag.bool("Print the image's ID only", { short: "q" }),
  rm: flag.bool("Accepted for compatibility: nothing of a step stays", { initial: true }),
  "shm-size": flag.bytes("Size of /dev/shm of RUN"),
  tag: flag.list("Name of the image (name[:tag])", { short: "t" }),
  target: flag.string("Stage to build"),
  ulimit: flag.list("Limit of RUN's processes (name=soft[:hard])"),
};

/** What is switched off, or asks for what happens anyway, is no refusal. */
export function refuseUnbuilt(changed: ReadonlySet<string>, flags: FlagValues<typeof unbuiltFlags>): void {
  const off: Readonly<Record<string, boolean>> = {
    provenance: flags.provenance === "false",
    sbom: flags.sbom === "false",
    check: !flags.check,
    debug: !flags.debug,
    push: !flags.push,
    call: flags.call === "build" || flags.call === "",
    builder: flags.builder === "default" || flags.builder === "",
    output: flags.output.every((text) => text === "type=docker" || text === "type=image"),
  };
  const used = Object.keys(unbuiltFlags).find((name) => changed.has(name) && off[name] !== true);
  if (used !== undefined) throw new ExitError(1, `--${used} is not supported by this builder yet`);
}
