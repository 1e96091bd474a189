/** A service's volumes, secrets and configs as binds and mounts. */
import { posix } from "node:path";
import type { MountPoint } from "../../api/containers.ts";
import type { Mount } from "../../api/host-config.ts";
import type { FileGrant, Mount as Wanted } from "../model/grants.ts";
import type { Project } from "../model/project.ts";
import type { FileObject } from "../model/resources.ts";
import type { Service } from "../model/service.ts";

export interface MountConfig {
  readonly binds: string[];
  readonly mounts: Mount[];
}

/** `carried` are the mounts of the container that is replaced: its anonymous volumes go over. */
export function mountConfig(project: Project, service: Service, carried: readonly MountPoint[]): MountConfig {
  const binds: string[] = [];
  const mounts: Mount[] = [];
  for (const volume of service.volumes ?? []) {
    const bind = bindOf(project, volume);
    if (bind !== null) binds.push(bind);
    else mounts.push(mountOf(project, volume, carried));
  }
  const declared = new Set((service.volumes ?? []).map(({ target }) => clean(target)));
  // Volumes that the image itself declares are anonymous too.
  for (const { Type, Name = "", Destination } of carried) {
    if (Type === "volume" && !declared.has(clean(Destination)) && isAnonymous(Name)) {
      mounts.push({ Type: "volume", Source: Name, Target: Destination });
    }
  }
  for (const { source, target, file } of boundFiles(project, service)) {
    if (declared.has(clean(target))) continue;
    mounts.push({ Type: "bind", Source: file ?? source, Target: target, ReadOnly: true });
  }
  return { binds, mounts };
}

const clean = (path: string): string => posix.normalize(path).replace(/(.)\/$/, "$1");

const isAnonymous = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** The old form, which makes a missing host path; null for what it cannot say. */
function bindOf(project: Project, volume: Wanted): string | null {
  const { type, source = "", target, read_only, bind, volume: options } = volume;
  const access = read_only ? "ro" : "rw";
  if (type === "bind" && bind?.create_host_path && !bind.recursive) {
    const marks = [access, bind?.selinux, bind?.propagation].filter(Boolean);
    return `${source}:${target}:${marks.join(",")}`;
  }
  if (type === "volume" && source !== "" && !options?.subpath && !options?.labels) {
    return `${volumeName(project, source)}:${target}:${options?.nocopy ? `${access},nocopy` : access}`;
  }
  return null;
}

export const volumeName = (project: Project, key: string): string => project.volumes[key]?.name ?? key;

function mountOf(project: Project, volume: Wanted, carried: readonly MountPoint[]): Mount {
  const { type, source = "", target, read_only, consistency } = volume;
  const base = {
    Target: target,
    ...(read_only && { ReadOnly: true }),
    ...(consistency && { Consistency: consistency }),
  };
  switch (type) {
    case "bind":
      return { Type: "bind", Source: source, ...base, BindOptions: bindOptions(volume) };
    case "tmpfs": {
      const { size, mode } = volume.tmpfs ?? {};
      return {
        Type: "tmpfs",
        Source: "",
        ...base,
        TmpfsOptions: { ...(size && { SizeBytes: size }), ...(mode && { Mode: mode }) },
      };
    }
    case "image":
      return {
        Type: "image",
        Source: source,
        ...base,
        ImageOptions: { ...(volume.image?.subpath && { Subpath: volume.image.subpath }) },
      };
    default: {
      const { nocopy, subpath, labels } = volume.volume ?? {};
      const old = carried.find(({ Type, Destination }) => Type === "volume" && clean(Destination) === clean(target));
      const name = source !== "" ? volumeName(project, source) : (old?.Name ?? "");
      const options = {
        ...(nocopy && { NoCopy: true }),
        ...(subpath && { Subpath: subpath }),
        ...(labels && { Labels: labels }),
      };
      return { Type: type, Source: name, ...base, VolumeOptions: options };
    }
  }
}

function bindOptions({ bind }: Wanted): NonNullable<Mount["BindOptions"]> {
  const { propagation, recursive, create_host_path } = bind ?? {};
  return {
    ...(propagation && { Propagation: propagation }),
    ...(create_host_path && { CreateMountpoint: true }),
    ...(recursive === "disabled" && { NonRecursive: true }),
    ...(recursive === "writable" && { ReadOnlyNonRecursive: true }),
    ...(recursive === "readonly" && { ReadOnlyForceRecursive: true }),
  };
}

/** A secret or config as one service has it. */
export interface ServiceFile {
  readonly source: string;
  readonly target: string;
  readonly file?: string;
  readonly text?: string;
  /** False when the file's own owner stays. */
  readonly owned: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Those that are files here, bound into the container. */
const boundFiles = (project: Project, service: Service): ServiceFile[] =>
  serviceFiles(project, service).filter(({ file }) => file !== undefined);

/** Those whose text is written into the container before it starts. */
export const writtenFiles = (project: Project, service: Service): ServiceFile[] =>
  serviceFiles(project, service).filter(({ text }) => text !== undefined);

function serviceFiles(project: Project, { secrets = [], configs = [] }: Service): ServiceFile[] {
  return [
    ...secrets.map((reference) => serviceFile(project, "secret", reference, project.secrets[reference.source])),
    ...configs.map((reference) => serviceFile(project, "config", reference, project.configs[reference.source])),
  ];
}

function serviceFile(
  project: Project,
  kind: "secret" | "config",
  reference: FileGrant,
  defined: FileObject | undefined,
): ServiceFile {
  const { source } = reference;
  if (!defined) throw new Error(`undefined ${kind} ${JSON.stringify(source)}`);
  if (defined.external) throw new Error(`unsupported external ${kind} ${defined.name ?? source}`);
  const place = {
    source,
    target: targetOf(kind, reference),
    owned: Boolean(reference.uid || reference.gid),
    uid: Number(reference.uid ?? 0),
    gid: Number(reference.gid ?? 0),
    mode: reference.mode ?? 0o444,
  };
  if (defined.file) return { ...place, file: defined.file };
  const variable = defined.environment ?? "";
  const text = defined.content ?? project.environment[variable];
  if (text === undefined)
    throw new Error(
      `environment variable ${JSON.stringify(variable)} required by file ${JSON.stringify(defined.name)} is not set`,
    );
  return { ...place, text };
}

function targetOf(kind: "secret" | "config", { source, target = "" }: FileGrant): string {
  if (target.startsWith("/")) return target;
  if (kind === "config") return `/${target || source}`;
  return `/run/secrets/${target || source}`;
}
