/** The flags of `build`, and of `bake` what both have. */
import { type FlagValues, flag } from "../../lib/flags.ts";
import { checkExtraHost } from "../container/name-checks.ts";
import { progressModes } from "./progress/progress.ts";

export const progressFlag = flag.string("How progress is shown: auto, none, plain, quiet, rawjson, tty", {
  initial: "auto",
  complete: progressModes,
});

/** Those that only BuildKit's protocol has a place for. */
const buildkitFlags = {
  allow: flag.list("Grant RUN a right: network.host, security.insecure, device"),
  annotation: flag.list("Annotation of the image ([level:]key=value)"),
  attest: flag.list("Attestation to attach (type=sbom, type=provenance,mode=max)"),
  "build-context": flag.list("Further context (name=directory, docker-image://..., URL)"),
  builder: flag.string("Another builder (there is one: default)"),
  "cache-to": flag.list("Where the cache goes (type=registry,ref=..., type=local,dest=..., type=inline)"),
  call: flag.string("What to ask of the Dockerfile: build, check, outline, targets", {
    initial: "build",
    complete: ["build", "check", "outline", "targets"],
  }),
  check: flag.bool("Only check the Dockerfile, as --call=check"),
  debug: flag.bool("Open a shell in the files of the step that fails, and tell warnings in full", { short: "D" }),
  "metadata-file": flag.string("File that receives facts about the result", { complete: "files" }),
  "no-cache-filter": flag.list("Stages that use no layer of an earlier build"),
  output: flag.list("Where the result goes (type=local,dest=..., tar, oci, docker, image, registry; a directory; -)", {
    short: "o",
  }),
  provenance: flag.string("Record how it was built: true, false, or mode=min|max", {
    complete: ["true", "false", "mode=min", "mode=max"],
  }),
  push: flag.bool("Push the image, as --output=type=registry"),
  sbom: flag.string("List what is in it: true, or a generator's image", { complete: ["true", "false"] }),
  secret: flag.list("Secret for RUN (id=name[,src=file|env=variable])"),
  ssh: flag.list("Agent or keys for RUN (default, id=socket, id=key[,key])"),
};

/** Those that only `POST /build` has a place for. */
const classicFlags = {
  "cpu-period": flag.int("Length of a CFS period in microseconds (without BuildKit)"),
  "cpu-quota": flag.int("CPU time per CFS period in microseconds (without BuildKit)"),
  "cpu-shares": flag.int("Relative weight of CPU time (without BuildKit)", { short: "c" }),
  "cpuset-cpus": flag.string("CPUs to run on (0-3, 0,1) (without BuildKit)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1) (without BuildKit)"),
  memory: flag.bytes("Memory limit of RUN (without BuildKit)", { short: "m" }),
  "memory-swap": flag.swapBytes("Memory and swap together; -1 for unlimited swap (without BuildKit)"),
};

export const buildFlags = {
  ...buildkitFlags,
  ...classicFlags,
  "cache-from": flag.list(
    "Where cache is taken from besides earlier builds (image, type=registry,ref=..., type=local,src=...)",
  ),
  "add-host": flag.list("Add a name to the hosts file of RUN (name:address)", { check: checkExtraHost }),
  "build-arg": flag.list("Value of an ARG; without one it is taken from here"),
  "cgroup-parent": flag.string("Cgroup under which those of RUN are made"),
  file: flag.string("The Dockerfile; PATH/Dockerfile when not given, - for standard input", {
    short: "f",
    complete: "files",
  }),
  "force-rm": flag.bool("Accepted for compatibility: nothing of a failed step stays"),
  iidfile: flag.string("File that receives the image's ID", { complete: "files" }),
  label: flag.list("Label of the image (name=value)"),
  load: flag.bool("Keep the image in the engine's store, as --output=type=docker"),
  network: flag.string("Network of RUN: default, none, host", { initial: "default" }),
  "no-cache": flag.bool("Use no layer of an earlier build"),
  platform: flag.list("Platform of the image, such as linux/amd64; several, comma-separated, make an index"),
  progress: progressFlag,
  pull: flag.bool("Fetch base images though they are here"),
  quiet: flag.bool("Print the image's ID only", { short: "q" }),
  rm: flag.bool("Accepted for compatibility: nothing of a step stays", { initial: true }),
  "shm-size": flag.bytes("Size of /dev/shm of RUN"),
  squash: flag.bool("Make one layer of all that is built (builds without BuildKit's protocol)"),
  tag: flag.list("Name of the image (name[:tag])", { short: "t" }),
  target: flag.string("Stage to build"),
  ulimit: flag.list("Limit of RUN's processes (name=soft[:hard])"),
};

export type BuildFlags = FlagValues<typeof buildFlags>;

/** The first flag in use that the other way of building has no place for; what is switched off is no use. */
export function unusable(changed: ReadonlySet<string>, flags: BuildFlags, way: "buildkit" | "classic"): string | null {
  if (way === "buildkit") return Object.keys(classicFlags).find((name) => changed.has(name)) ?? null;
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
  return Object.keys(buildkitFlags).find((name) => changed.has(name) && off[name] !== true) ?? null;
}
