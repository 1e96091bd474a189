/** What the spellings of a mount have in common: the shape they end in, its defaults, and the checks that all share. */
import { posix } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import type { ResolvedMount } from "./mounts.ts";

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

/** Mount propagation as mount(8) spells it. */
export const propagations = new Set(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);

/** A mount before anything is said of it. */
export const plain: PlannedMount = {
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
  idmap: "",
  anonymous: false,
  tmpfsOptions: [],
  listed: true,
  volumeDriver: "",
  volumeOptions: {},
  volumeLabels: {},
  inherited: null,
};

export const anonymous = (destination: string, volumeDriver: string): PlannedMount => ({
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
export function checkDestination(path: string, spec: string | null, type: "bind" | "volume" = "bind"): string {
  const prefix =
    spec === null ? "" : `invalid volume specification: '${spec}': invalid mount config for type "${type}": `;
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
