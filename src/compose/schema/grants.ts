import type { EnvFile, FileGrant, Mount, Port, ServiceModel, ServiceNetwork } from "../model/grants.ts";
import { options, orNull, pairs, record, texts } from "./collections.ts";
import { anyText, bytes, fileMode, flag, integer, plainFlag, text, textOneOf } from "./scalars.ts";
import type { Type } from "./type.ts";

export const fileGrant: Type<FileGrant> = record<FileGrant>(
  { source: text(), target: text(), uid: text(), gid: text(), mode: fileMode },
  { or: [{ types: ["string"] }] },
);

type Part<K extends "bind" | "volume" | "tmpfs" | "image"> = NonNullable<Mount[K]>;

export const mount: Type<Mount> = record<Mount>(
  {
    type: textOneOf("bind", "volume", "tmpfs", "cluster", "npipe", "image"),
    source: text(),
    target: text(),
    read_only: flag,
    consistency: text(),
    bind: record<Part<"bind">>({
      selinux: textOneOf("z", "Z"),
      propagation: text(),
      create_host_path: flag,
      recursive: textOneOf("enabled", "disabled", "writable", "readonly"),
    }),
    volume: record<Part<"volume">>({ labels: pairs, nocopy: flag, subpath: text() }),
    tmpfs: record<Part<"tmpfs">>({
      size: { ...bytes(["integer", "string"]), accept: [{ types: ["integer"], min: 0 }, { types: ["string"] }] },
      // Written as a plain number, not in octal.
      mode: { ...fileMode, show: (mode) => mode },
    }),
    image: record<Part<"image">>({ subpath: text() }),
  },
  { required: ["type"], or: [{ types: ["string"] }] },
);

export const port: Type<Port> = record<Port>(
  {
    name: text(),
    mode: text(),
    host_ip: text(),
    target: integer({ types: ["integer", "string"] }),
    published: text({ types: ["string", "integer"] }),
    protocol: text(),
    app_protocol: text(),
  },
  { or: [{ types: ["number", "string"] }] },
);

export const serviceNetwork: Type<ServiceNetwork | null> = orNull(
  record<ServiceNetwork>({
    aliases: texts,
    driver_opts: options({ types: ["string", "number"] }),
    gw_priority: integer({ types: ["number"] }),
    interface_name: text(),
    ipv4_address: text(),
    ipv6_address: text(),
    link_local_ips: texts,
    mac_address: text(),
    priority: integer({ types: ["number"] }),
  }),
);

export const serviceModel: Type<ServiceModel | null> = orNull(
  record<ServiceModel>({ endpoint_var: text(), model_var: text() }),
);

const envFileFields = record<EnvFile>(
  { path: anyText, required: { ...plainFlag, accept: flag.accept }, format: text() },
  { required: ["path"], extensible: false, or: [{ types: ["string"] }] },
);

/** One that is required is printed as its path alone. */
export const envFile: Type<EnvFile> = {
  ...envFileFields,
  show({ path, required, format }, as) {
    if (required) return path;
    return new Map<string, unknown>([
      ["path", path],
      ["required", required],
      ...(as === "json" && format !== undefined ? ([["format", format]] as const) : []),
    ]);
  },
};
