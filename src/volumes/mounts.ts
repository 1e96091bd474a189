/**
 * One mount of a container as its record keeps it: what the user asked for, with names and defaults resolved at
 * create, before any path of the host has been looked at again.
 */
export interface ResolvedMount {
  readonly type: "bind" | "volume" | "tmpfs" | "image";
  /** Clean absolute path in the container. */
  readonly destination: string;
  /** Path on the host of a bind or of a volume's data; empty for tmpfs. */
  readonly source: string;
  /** Volume name, or the image as the user named it; empty for the other types. */
  readonly name: string;
  /** Of an image mount: the image's id. */
  readonly image?: string;
  /** `local` for volumes, else empty. */
  readonly driver: string;
  /** Options of `-v` as the user wrote them, shown by inspect as `Mode`. */
  readonly mode: string;
  readonly readOnly: boolean;
  /** `rprivate` and so on; empty for volumes and tmpfs. */
  readonly propagation: string;
  readonly nonRecursive: boolean;
  readonly readOnlyNonRecursive: boolean;
  readonly readOnlyForceRecursive: boolean;
  /** A missing bind source is made (as `-v` does), else it is an error. */
  readonly createSource: boolean;
  /** The image's content at the destination goes into the volume while it is empty. */
  readonly copyUp: boolean;
  /** Directory inside the volume or image to mount; empty is the whole. */
  readonly subpath: string;
  /** Of a bind or volume, `owner` or ranges (`idmap.ts`): whose files show up as whose; empty for as they are. */
  readonly idmap: string;
  readonly anonymous: boolean;
  /** Mount options of a tmpfs. */
  readonly tmpfsOptions: readonly string[];
  /** False for `--tmpfs`, which inspect shows in HostConfig only. */
  readonly listed: boolean;
}

export interface WireMount {
  readonly Type?: string | null;
  readonly Source?: string | null;
  readonly Target?: string | null;
  readonly ReadOnly?: boolean | null;
  readonly Consistency?: string | null;
  readonly IDMap?: string | null;
  readonly BindOptions?: {
    readonly Propagation?: string | null;
    readonly NonRecursive?: boolean | null;
    readonly CreateMountpoint?: boolean | null;
    readonly ReadOnlyNonRecursive?: boolean | null;
    readonly ReadOnlyForceRecursive?: boolean | null;
  } | null;
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly DriverConfig?: {
      readonly Name?: string | null;
      readonly Options?: Readonly<Record<string, string>> | null;
    } | null;
    readonly Subpath?: string | null;
  } | null;
  readonly ImageOptions?: { readonly Subpath?: string | null } | null;
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number | bigint | null;
    readonly Mode?: number | null;
    readonly Options?: readonly (readonly string[])[] | null;
  } | null;
}

/** Everything about mounts in a create request. */
export interface MountConfig {
  readonly binds: readonly string[];
  readonly mounts: readonly WireMount[];
  readonly tmpfs: Readonly<Record<string, string>>;
  /** Destinations of `Volumes` of the container's and of the image's config. */
  readonly volumes: readonly string[];
  /** `VolumesFrom` entries, `NAME[:ro|rw]`. */
  readonly volumesFrom: readonly string[];
  /** Driver for volumes that name none. */
  readonly volumeDriver: string;
  /** Id of an image by any of its names; throws `notFound`. */
  readonly imageId: (ref: string) => string;
  /** The mounts of another container, by name or id; throws its `notFound`. */
  readonly mountsOf: (container: string) => readonly ResolvedMount[];
}

/** What the event says that a volume was mounted for a container. */
export const mountAttributes = (container: string, mount: ResolvedMount): Readonly<Record<string, string>> => ({
  container,
  destination: mount.destination,
  driver: mount.driver,
  propagation: mount.propagation,
  "read/write": String(!mount.readOnly),
});
