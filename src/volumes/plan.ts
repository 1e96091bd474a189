/**
 * From `-v`, `--mount`, `--tmpfs`, VOLUME and `--volumes-from` to one list of mounts, checked in Docker's words.
 */
import { invalidArgument, isKind } from "../lib/errors.ts";
import { bindFlags, parseBind } from "./bind-spec.ts";
import { parseMount, refuseForeignOptions } from "./mount-spec.ts";
import type { MountConfig, ResolvedMount } from "./mounts.ts";
import { anonymous, checkDestination, type PlannedMount, plain } from "./planned-mount.ts";
import { parseTmpfs } from "./tmpfs-spec.ts";

/**
 * Every mount that was asked for, one per destination. Later kinds give way to earlier ones as in Docker: volumes-from is
 * overridden by binds and mounts, and a VOLUME of the image by all of them; the same destination twice in binds and mounts
 * is `Duplicate mount point: DEST`.
 */
export function planMounts(config: MountConfig): PlannedMount[] {
  refuseForeignOptions(config.mounts);
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
  for (const [path, options] of Object.entries(config.tmpfs)) add(parseTmpfs(path, options));
  const planned = new Map([...inherited, ...explicit]);
  for (const path of config.volumes) {
    // A VOLUME may be written relative, which it is to the root.
    const destination = checkDestination(path.startsWith("/") ? path : `/${path}`, path);
    if (!planned.has(destination)) planned.set(destination, anonymous(destination, config.volumeDriver));
  }
  return [...planned.values()];
}

/** The container that a volumes-from entry names; throws for an entry that is none, before anybody looks for it. */
export const volumesFromSource = (entry: string): string => parseVolumesFrom(entry).name;

function parseVolumesFrom(entry: string): { name: string; readOnly: boolean } {
  if (entry === "") throw invalidArgument("volumes-from specification cannot be an empty string");
  const [name = "", mode = "rw", ...rest] = entry.split(":");
  if (name === "" || rest.length > 0) throw invalidArgument(`invalid volumes-from specification: ${entry}`);
  const flags = bindFlags(mode.split(","));
  // The other container's mounts say themselves whose files show up as whose.
  if (flags === null || flags.idmap !== "") throw invalidArgument(`invalid mode: ${mode}`);
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

/** The image as it is now: another one that takes its name later changes nothing for the container. */
export function imageOf(mount: PlannedMount, config: MountConfig): ResolvedMount {
  const { volumeDriver: _driver, volumeOptions: _options, volumeLabels: _labels, inherited, ...rest } = mount;
  if (inherited) return { ...inherited, readOnly: true };
  try {
    return { ...rest, source: "", name: mount.source, driver: "", image: config.imageId(mount.source) };
  } catch (error) {
    // Told apart from the container's own image, which a client would pull.
    if (isKind(error, "notFound")) throw invalidArgument(`invalid mount config for type "image": ${error.message}`);
    throw error;
  }
}
