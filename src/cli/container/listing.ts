/** The columns of `ps`. */
import type { ContainerSummary, Port } from "../../api/containers.ts";
import { humanSize } from "../../lib/units.ts";
import type { Listing } from "../format.ts";
import { ago, fullTime } from "../times.ts";

/** Cuts to `width` characters, the last an ellipsis. */
export function ellipsis(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/**
 * Ports as `0.0.0.0:80->80/tcp`: those that keep their number are joined to ranges and come first, then those that are
 * mapped to another.
 */
export function showPorts(ports: readonly Port[]): string {
  const sorted = [...ports].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compare(a.IP ?? "", b.IP ?? "") ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compare(a.Type, b.Type),
  );
  const done: string[] = [];
  const mapped: string[] = [];
  const open = new Map<string, { ip: string; protocol: string; from: number; to: number }>();
  const address = (ip: string): string => (ip.includes(":") ? `[${ip}]` : ip);
  const show = ({ ip, protocol, from, to }: { ip: string; protocol: string; from: number; to: number }): string => {
    const span = from === to ? `${from}` : `${from}-${to}`;
    return ip === "" ? `${span}/${protocol}` : `${address(ip)}:${span}->${span}/${protocol}`;
  };
  for (const { IP: ip = "", PrivatePort, PublicPort, Type: protocol } of sorted) {
    if (ip !== "" && PublicPort !== PrivatePort) {
      mapped.push(`${address(ip)}:${PublicPort}->${PrivatePort}/${protocol}`);
      continue;
    }
    const key = `${ip}/${protocol}`;
    const range = open.get(key);
    if (range && range.to + 1 === PrivatePort) range.to = PrivatePort;
    else {
      if (range) done.push(show(range));
      open.set(key, { ip, protocol, from: PrivatePort, to: PrivatePort });
    }
  }
  return [...done, ...[...open.values()].map(show), ...mapped].join(", ");
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Labels as `a=b,c=d`, by name. */
export function showLabels(labels: Record<string, string> | null): string {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => compare(a, b))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

function names(row: ContainerSummary, full: boolean): string {
  const all = row.Names.map((name) => name.replace(/^\//, ""));
  return (full ? all : all.filter((name) => !name.includes("/"))).join(",");
}

function mounts(row: ContainerSummary, full: boolean): string {
  return row.Mounts.map(({ Name, Source }) => (full ? Name || Source : ellipsis(Name || Source, 15))).join(",");
}

const rawForm = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{.State}}
status: {{.Status}}
names: {{.Names}}
labels:{{if .Labels}} {{.Labels}}{{end}}
ports:{{if .Ports}} {{.Ports}}{{end}}
`;

/** `full`: nothing is cut. `sizes`: Size was asked for. */
export function containerListing(full: boolean, sizes = false): Listing<ContainerSummary> {
  return {
    raw: { full: sizes ? `${rawForm}size: {{.Size}}\n` : rawForm, quiet: "container_id: {{.ID}}" },
    typeName: "*formatter.ContainerContext",
    // Docker tries the template before it lists.
    failedTemplate: "failed to execute template",
    quiet: "ID",
    columns: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
    methods: { Label: (row, name = "") => row.Labels?.[name] ?? "" },
    fields: {
      Command: { header: "COMMAND", value: (row) => JSON.stringify(full ? row.Command : ellipsis(row.Command, 20)) },
      CreatedAt: { header: "CREATED AT", value: (row) => fullTime(row.Created) },
      ID: { header: "CONTAINER ID", value: (row) => (full ? row.Id : shortId(row.Id)) },
      Image: { header: "IMAGE", value: (row) => imageName(row, full) },
      Labels: { header: "LABELS", value: (row) => showLabels(row.Labels) },
      LocalVolumes: {
        header: "LOCAL VOLUMES",
        value: (row) => String(row.Mounts.filter((mount) => mount.Driver === "local").length),
      },
      Mounts: { header: "MOUNTS", value: (row) => mounts(row, full) },
      Names: { header: "NAMES", value: (row) => names(row, full) },
      Networks: { header: "NETWORKS", value: (row) => Object.keys(row.NetworkSettings?.Networks ?? {}).join(",") },
      Platform: {
        json: (text) => text || null,
        header: "PLATFORM",
        value: (row) =>
          row.ImageManifestDescriptor?.platform
            ? `${row.ImageManifestDescriptor.platform.os}/${row.ImageManifestDescriptor.platform.architecture}`
            : "",
      },
      Ports: { header: "PORTS", value: (row) => showPorts(row.Ports) },
      RunningFor: { header: "CREATED", value: (row) => ago(row.Created) },
      Size: {
        header: "SIZE",
        value: (row) => {
          const own = humanSize(row.SizeRw ?? 0, 3);
          return row.SizeRootFs ? `${own} (virtual ${humanSize(row.SizeRootFs, 3)})` : own;
        },
      },
      State: { header: "STATE", value: (row) => row.State },
      Status: { header: "STATUS", value: (row) => row.Status },
    },
  };
}

function imageName(row: ContainerSummary, full: boolean): string {
  if (row.Image === "") return "<no image>";
  if (full) return row.Image;
  if (row.Image.startsWith("sha256:")) return shortId(row.Image);
  if (row.Image === row.ImageID || row.ImageID.replace("sha256:", "").startsWith(row.Image)) return shortId(row.Image);
  return row.Image.replace(/@sha256:[0-9a-f]+$/, "");
}
