/**
 * From `-v`, `--mount`, `--tmpfs`, VOLUME and `--volumes-from` to one list of mounts, checked in Docker's words.
 */
import { posix } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import type { MountConfig, ResolvedMount, WireMount } from "./mounts.ts";

/** A mount before volumes have names and data: what {@link planMounts} leaves to the service. */
export interface PlannedMount extends Omit<ResolvedMount, "source" | "name" | "driver"> {
  /** Host path of a bind, name of a volume (empty: anonymous). */
  readonly source: string;
  readonly volumeDriver: string;
  readonly volumeOptions: Readonly<Record<string, string>>;
  readonly volumeLabels: Readonly<Record<string, string>>;
  /** A mount taken over from another container, as it is there. */
  readonly inherited: ResolvedMount | null;
}

const propagations = new Set(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Every mount that was asked for, one per destination. Later kinds give way to earlier ones as in Docker: volumes-from is
 * overridden by binds and mounts, and a VOLUME of the image by all of them; the same destination twice in binds and mounts
 * is `Duplicate mount point: DEST`.
 */
export function planMounts(config: MountConfig): PlannedMount[] {
  const inherited = new Map<string, PlannedMount>();
  for (const entry of config.volumesFrom) {
    for (const mount of volumesFrom(entry, config)) inherited.set(mount.destination, mount);
  }
  const explicit = new Map<string, PlannedMount>();
  const add = (mount: PlannedMount): void => {
    if (explicit.has(mount.destination)) throw invalidArgument(`Duplicate mount point: ${mount.destination}`);
    explicit.set(mount.destination, mount);
  };
  for (const bind of config.binds) add(parseBind(bind, config.volumeDriver));
  for (const mount of config.mounts) add(parseMount(mount, config.volumeDriver));
  for (const [path, options] of Object.entries(config.tmpfs)) add(tmpfs(path, options));
  const planned = new Map([...inherited, ...explicit]);
  for (const path of config.volumes) {
    const destination = checkDestination(path, path);
    if (!planned.has(destination)) planned.set(destination, anonymous(destination, config.volumeDriver));
  }
  return [...planned.values()];
}

const plain: PlannedMount = {
  type: "volume",
  destination: "",
  source: "",
  mode: "",
  readOnly: false,
  propagation: "",
  nonRecursive: false,
  readOnlyNonRecursive: false,
  readOnlyForceRecursive: false,
  createSource: false,
  copyUp: false,
  subpath: "",
  anonymous: false,
  tmpfsOptions: [],
  listed: true,
  volumeDriver: "",
  volumeOptions: {},
  volumeLabels: {},
  inherited: null,
};

const invalidName = (name: string): string =>
  name.length < 2
    ? `create ${name}: volume name is too short, names should be at least two alphanumeric characters`
    : `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;

const anonymous = (destination: string, volumeDriver: string): PlannedMount => ({
  ...plain,
  destination,
  copyUp: true,
  anonymous: true,
  volumeDriver,
});

/** Files under /proc that a runtime lets be covered; everything else there is the kernel's. */
const procFiles = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid".split(" "),
);

/** `path` cleaned, which `spec` of `-v` asks for if any; throws for what is not absolute, for the root itself and for /proc. */
function checkDestination(path: string, spec: string | null): string {
  const prefix = spec === null ? "" : `invalid volume specification: '${spec}': invalid mount config for type "bind": `;
  if (path.includes("\0")) throw invalidArgument("invalid mount path: it holds a NUL byte");
  if (!path.startsWith("/")) {
    throw invalidArgument(`${prefix}invalid mount path: '${path}' mount path must be absolute`);
  }
  const clean = posix.resolve("/", path);
  if (clean === "/") throw invalidArgument(`${prefix}invalid specification: destination can't be '/'`);
  if (clean === "/proc" || (clean.startsWith("/proc/") && !procFiles.has(clean.slice("/proc/".length)))) {
    throw invalidArgument(`invalid mount config: "${clean}" cannot be mounted because it is inside /proc`);
  }
  return clean;
}

/** `SRC:DEST[:OPTIONS]`, or `DEST` for an anonymous volume. */
function parseBind(spec: string, volumeDriver: string): PlannedMount {
  const bad = (reason?: string) =>
    invalidArgument(`invalid volume specification: '${spec}'${reason === undefined ? "" : `: ${reason}`}`);
  const parts = spec.split(":");
  if (parts.length > 3 || parts.some((part, i) => part === "" && i < 2)) throw bad();
  if (parts.length === 1) return anonymous(checkDestination(parts[0] ?? "", spec), volumeDriver);
  const [source = "", path = "", mode = ""] = parts;
  const destination = checkDestination(path, spec);
  const isBind = source.startsWith("/");
  if (!isBind && !volumeName.test(source)) {
    throw invalidArgument(invalidName(source));
  }
  const options = mode === "" ? [] : mode.split(",");
  const flags = bindFlags(options);
  if (flags === null || (mode === "" && parts.length === 3)) throw invalidArgument(`invalid mode: ${mode}`);
  if (!isBind && flags.propagation !== null) throw bad(`invalid mode: ${mode}`);
  return {
    ...plain,
    type: isBind ? "bind" : "volume",
    destination,
    source: isBind ? posix.normalize(source) : source,
    mode,
    readOnly: flags.readOnly,
    propagation: isBind ? (flags.propagation ?? "rprivate") : "",
    createSource: isBind,
    copyUp: !isBind && !flags.noCopy,
    volumeDriver,
  };
}

/** What the comma list after the second colon says; null when two words contradict or one is unknown. */
function bindFlags(
  options: readonly string[],
): { readOnly: boolean; propagation: string | null; noCopy: boolean } | null {
  const seen = { access: 0, label: 0, propagation: 0, copy: 0, consistency: 0 };
  let readOnly = false;
  let propagation: string | null = null;
  for (const option of options) {
    if (option === "ro" || option === "rw") {
      seen.access++;
      readOnly = option === "ro";
    } else if (option === "z" || option === "Z") seen.label++;
    else if (option === "nocopy") seen.copy++;
    else if (option === "consistent" || option === "cached" || option === "delegated") seen.consistency++;
    else if (propagations.has(option)) {
      seen.propagation++;
      propagation = option;
    } else return null;
  }
  return Object.values(seen).some((count) => count > 1) ? null : { readOnly, propagation, noCopy: seen.copy === 1 };
}

/** One `--mount`. */
function parseMount(mount: WireMount, volumeDriver: string): PlannedMount {
  const type = mount.Type ?? "";
  const bad = (reason: string) => invalidArgument(`invalid mount config for type "${type}": ${reason}`);
  const target = mount.Target ?? "";
  const source = mount.Source ?? "";
  if (target === "") throw bad("field Target must not be empty");
  if (!target.startsWith("/")) throw bad(`invalid mount path: '${target}' mount path must be absolute`);
  if (posix.resolve("/", target) === "/") throw bad(`invalid specification: destination can't be '/'`);
  const base = { ...plain, destination: checkDestination(target, target), readOnly: mount.ReadOnly === true };
  const only = (key: "BindOptions" | "VolumeOptions" | "TmpfsOptions"): void => {
    for (const other of ["BindOptions", "VolumeOptions", "TmpfsOptions"] as const) {
      if (other !== key && mount[other] != null) throw bad(`field ${other} must not be specified`);
    }
  };
  switch (type) {
    case "bind":
      only("BindOptions");
      return bindMount(base, source, mount.BindOptions ?? {}, bad);
    case "volume":
      only("VolumeOptions");
      return volumeMount(base, source, mount.VolumeOptions ?? {}, volumeDriver, bad);
    case "tmpfs":
      only("TmpfsOptions");
      if (source !== "") throw bad("field Source must not be specified");
      return tmpfsMount(base, mount.TmpfsOptions ?? {}, bad);
    case "image":
      throw bad("image mounts are not supported by this engine yet");
    default:
      throw bad("mount type unknown");
  }
}

type Bad = (reason: string) => Error;

function bindMount(base: PlannedMount, source: string, options: NonNullable<WireMount["BindOptions"]>, bad: Bad) {
  if (source === "") throw bad("field Source must not be empty");
  if (!source.startsWith("/")) throw bad(`invalid mount path: '${source}' mount path must be absolute`);
  const propagation = options.Propagation || "rprivate";
  if (!propagations.has(propagation)) throw bad(`invalid propagation mode: ${propagation}`);
  const forced = options.ReadOnlyForceRecursive === true;
  if (options.ReadOnlyNonRecursive && !base.readOnly)
    throw bad("mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive");
  if (forced && !base.readOnly) throw bad("mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive");
  if (forced && options.ReadOnlyNonRecursive) {
    throw bad("mount options conflict: ReadOnlyForceRecursive && BindOptions.ReadOnlyNonRecursive");
  }
  return {
    ...base,
    type: "bind" as const,
    source: posix.normalize(source),
    propagation,
    nonRecursive: options.NonRecursive === true,
    readOnlyNonRecursive: options.ReadOnlyNonRecursive === true,
    readOnlyForceRecursive: forced,
    createSource: options.CreateMountpoint === true,
  };
}

function volumeMount(
  base: PlannedMount,
  source: string,
  options: NonNullable<WireMount["VolumeOptions"]>,
  volumeDriver: string,
  bad: Bad,
): PlannedMount {
  const subpath = options.Subpath ?? "";
  if (subpath !== "" && (subpath.startsWith("/") || subpath.split("/").includes(".."))) {
    throw bad("subpath must be a relative path within the volume");
  }
  if (source === "" && subpath !== "") throw bad("must not set Subpath when using anonymous volumes");
  if (source !== "" && !volumeName.test(source)) throw invalidArgument(invalidName(source));
  return {
    ...base,
    type: "volume",
    source,
    copyUp: options.NoCopy !== true,
    subpath: subpath === "" ? "" : posix.normalize(subpath),
    anonymous: source === "",
    volumeDriver: options.DriverConfig?.Name || volumeDriver,
    volumeOptions: options.DriverConfig?.Options ?? {},
    volumeLabels: options.Labels ?? {},
  };
}

function tmpfsMount(base: PlannedMount, options: NonNullable<WireMount["TmpfsOptions"]>, bad: Bad): PlannedMount {
  const { SizeBytes, Mode, Options } = options;
  const list = ["noexec", "nosuid", "nodev", "rprivate"];
  if (SizeBytes != null && SizeBytes < 0) throw bad("invalid tmpfs size");
  if (SizeBytes != null && SizeBytes > 0) list.push(`size=${SizeBytes}`);
  if (Mode != null && Mode !== 0) list.push(`mode=${Mode.toString(8)}`);
  for (const [key = "", value] of Options ?? []) {
    const option = value === undefined ? key : `${key}=${value}`;
    if (!tmpfsOption.test(option)) throw bad(`invalid option: "${option}"`);
    if (option === "exec") list.splice(list.indexOf("noexec"), 1);
    else list.push(option);
  }
  if (base.readOnly) list.push("ro");
  return { ...base, type: "tmpfs", tmpfsOptions: list };
}

const tmpfsOption =
  /^(exec|noexec|suid|nosuid|dev|nodev|atime|noatime|diratime|nodiratime|relatime|norelatime|strictatime|nostrictatime|sync|async|dirsync|ro|rw|size=[0-9]+[kKmMgGtTpPeE%]?b?|mode=[0-7]{1,4}|uid=[0-9]+|gid=[0-9]+|nr_inodes=[0-9]+[kKmMgG]?|nr_blocks=[0-9]+[kKmMgG]?|mpol=[a-z0-9=:,-]+)$/;

/** `--tmpfs DEST:OPTIONS`. */
function tmpfs(path: string, text: string): PlannedMount {
  const options = text === "" ? [] : text.split(",");
  for (const option of options) {
    if (!tmpfsOption.test(option)) throw invalidArgument(`invalid tmpfs option "${option}"`);
  }
  return {
    ...plain,
    type: "tmpfs",
    destination: checkDestination(path, null),
    tmpfsOptions: [
      ...["noexec", "nosuid", "nodev"].filter((word) => !options.includes(word.slice(2))),
      ...options,
      "rprivate",
    ],
    listed: false,
  };
}

/** The container that a volumes-from entry names; throws for an entry that is none, before anybody looks for it. */
export const volumesFromSource = (entry: string): string => parseVolumesFrom(entry).name;

function parseVolumesFrom(entry: string): { name: string; readOnly: boolean } {
  if (entry === "") throw invalidArgument("volumes-from specification cannot be an empty string");
  const [name = "", mode = "rw", ...rest] = entry.split(":");
  if (name === "" || rest.length > 0) throw invalidArgument(`invalid volumes-from specification: ${entry}`);
  const flags = bindFlags(mode.split(","));
  if (flags === null) throw invalidArgument(`invalid mode: ${mode}`);
  return { name, readOnly: flags.readOnly };
}

/** `NAME[:ro|rw]`: the other container's mounts, made read-only if asked; its tmpfs mounts stay its own. */
function volumesFrom(entry: string, config: MountConfig): PlannedMount[] {
  const { name, readOnly } = parseVolumesFrom(entry);
  return config
    .mountsOf(name)
    .filter((mount) => mount.type !== "tmpfs")
    .map((mount) => ({
      ...plain,
      ...mount,
      readOnly: mount.readOnly || readOnly,
      copyUp: false,
      inherited: mount,
    }));
}
