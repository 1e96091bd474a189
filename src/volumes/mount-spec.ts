/** One `--mount`, of every type. */
import { posix } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { checkIdmap, ownerMap } from "./idmap.ts";
import type { WireMount } from "./mounts.ts";
import { checkDestination, type PlannedMount, plain, propagations } from "./planned-mount.ts";
import { tmpfsOption } from "./tmpfs-spec.ts";
import { checkVolumeName } from "./volume-name.ts";

/** Checked in Docker's words. */
export function parseMount(mount: WireMount, volumeDriver: string): PlannedMount {
  const type = mount.Type ?? "";
  const bad = (reason: string) => invalidArgument(`invalid mount config for type "${type}": ${reason}`);
  const target = mount.Target ?? "";
  const source = mount.Source ?? "";
  if (target === "") throw bad("field Target must not be empty");
  if (!target.startsWith("/")) throw bad(`invalid mount path: '${target}' mount path must be absolute`);
  if (posix.resolve("/", target) === "/") throw bad(`invalid specification: destination can't be '/'`);
  const idmap = mount.IDMap ?? "";
  if (idmap !== "") {
    if (type === "tmpfs" || type === "image") throw bad("field IDMap must not be specified");
    checkIdmap(idmap);
  }
  const base: PlannedMount = {
    ...plain,
    destination: checkDestination(target, target),
    readOnly: mount.ReadOnly === true,
    idmap,
    mode: idmap === "" ? "" : idmap === ownerMap ? "idmap" : `idmap=${idmap}`,
  };
  const noImageOptions = (): void => {
    if (mount.ImageOptions != null) throw bad("field ImageOptions must not be specified");
  };
  switch (type) {
    case "bind":
      noImageOptions();
      return bindMount(base, source, mount.BindOptions ?? {}, bad);
    case "volume":
      noImageOptions();
      return volumeMount(base, source, mount.VolumeOptions ?? {}, volumeDriver, bad);
    case "tmpfs":
      noImageOptions();
      if (source !== "") throw bad("field Source must not be specified");
      return tmpfsMount(base, mount.TmpfsOptions ?? {}, bad);
    case "image":
      return imageMount(base, source, mount.ImageOptions?.Subpath ?? "", bad);
    default:
      throw bad("mount type unknown");
  }
}

/** dockerd looks for options of another type in all mounts before it reads the first. */
export function refuseForeignOptions(mounts: readonly WireMount[]): void {
  for (const mount of mounts) {
    for (const type of ["volume", "bind", "tmpfs"] as const) {
      const field = optionsOf[type];
      if (mount[field] == null || mount.Type === type) continue;
      throw invalidArgument(`${field} must not be specified on mount type ${JSON.stringify(mount.Type ?? "")}`);
    }
  }
}

const optionsOf = { volume: "VolumeOptions", bind: "BindOptions", tmpfs: "TmpfsOptions" } as const;

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
  checkSubpath(subpath, bad);
  if (source === "" && subpath !== "") throw bad("must not set Subpath when using anonymous volumes");
  if (source !== "") checkVolumeName(source);
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

/** What an image holds, for reading only. */
function imageMount(base: PlannedMount, source: string, subpath: string, bad: Bad): PlannedMount {
  if (source === "") throw bad("field Source must not be empty");
  checkSubpath(subpath, bad);
  return {
    ...base,
    type: "image",
    source,
    readOnly: true,
    propagation: "rprivate",
    subpath: subpath === "" ? "" : posix.normalize(subpath),
  };
}

function checkSubpath(subpath: string, bad: Bad): void {
  if (subpath !== "" && (subpath.startsWith("/") || subpath.split("/").includes(".."))) {
    throw bad("subpath must be a relative path within the volume");
  }
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
