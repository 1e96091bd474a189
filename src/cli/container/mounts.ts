/** `--mount`: comma-separated keys and values as the API's Mount. */
import type { Mount } from "../../api/host-config.ts";
import { splitFields, splitPair } from "../../lib/flags.ts";
import { parseBytes } from "../../lib/units.ts";
import { resolvePath } from "./local-path.ts";

function truthful(key: string, value: string, given: boolean): boolean {
  if (!given || ["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function size(key: string, value: string): number {
  try {
    return parseBytes(value);
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`);
  }
}

/** Parses one `--mount` value; throws with the reason. */
export function parseMount(text: string): Mount {
  const mount: Mount = { Type: "volume", Source: "", Target: "" };
  const fields = splitFields(text);
  for (const field of fields)
    if (splitPair(field)[0].toLowerCase() === "type") mount.Type = splitPair(field)[1].toLowerCase();
  const bind = (): NonNullable<Mount["BindOptions"]> => {
    mount.BindOptions ??= {};
    return mount.BindOptions;
  };
  const volume = (): NonNullable<Mount["VolumeOptions"]> => {
    mount.VolumeOptions ??= { DriverConfig: {} };
    return mount.VolumeOptions;
  };
  const tmpfs = (): NonNullable<Mount["TmpfsOptions"]> => {
    mount.TmpfsOptions ??= {};
    return mount.TmpfsOptions;
  };
  for (const field of fields) {
    const [rawKey, value] = splitPair(field);
    const key = rawKey.toLowerCase();
    const given = field.includes("=");
    const switches = ["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src", "idmap"];
    if (!given && !switches.includes(key)) throw new Error(`invalid field '${field}' must be a key=value pair`);
    switch (key) {
      case "type":
        break;
      case "source":
      case "src":
        mount.Source = value.startsWith(".") ? resolvePath(value) : value;
        break;
      case "target":
      case "dst":
      case "destination":
        mount.Target = value;
        break;
      case "readonly":
      case "ro":
        mount.ReadOnly = truthful(key, value, given);
        break;
      case "consistency":
        mount.Consistency = value.toLowerCase();
        break;
      case "idmap":
        mount.IDMap = value || "owner";
        break;
      case "bind-propagation":
        bind().Propagation = value.toLowerCase();
        break;
      case "bind-nonrecursive":
        bind().NonRecursive = truthful(key, value, given);
        break;
      case "bind-recursive":
        if (value === "disabled") bind().NonRecursive = true;
        else if (value === "writable") bind().ReadOnlyNonRecursive = true;
        else if (value === "readonly") bind().ReadOnlyForceRecursive = true;
        else if (value !== "enabled") {
          throw new Error(
            `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
          );
        }
        break;
      case "bind-create-src":
        bind().CreateMountpoint = truthful(key, value, given);
        break;
      case "volume-nocopy":
        volume().NoCopy = truthful(key, value, given);
        break;
      case "volume-subpath":
        volume().Subpath = value;
        break;
      case "volume-label":
        volume().Labels = { ...volume().Labels, [splitPair(value)[0]]: splitPair(value)[1] };
        break;
      case "volume-driver":
        volume().DriverConfig = { ...volume().DriverConfig, Name: value };
        break;
      case "volume-opt": {
        const driver = volume().DriverConfig ?? {};
        volume().DriverConfig = {
          ...driver,
          Options: { ...driver.Options, [splitPair(value)[0]]: splitPair(value)[1] },
        };
        break;
      }
      case "image-subpath":
        mount.ImageOptions = { Subpath: value };
        break;
      case "tmpfs-size":
        tmpfs().SizeBytes = size(key, value);
        break;
      case "tmpfs-mode":
        if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
        tmpfs().Mode = Number.parseInt(value, 8);
        break;
      default:
        throw new Error(`unexpected key '${key}' in '${field}'`);
    }
  }
  if (mount.Type === "") throw new Error("type is required");
  if (mount.Target === "") throw new Error("target is required");
  if (mount.VolumeOptions && mount.Type !== "volume")
    throw new Error(`cannot mix 'volume-*' options with mount type '${mount.Type}'`);
  if (mount.BindOptions && mount.Type !== "bind")
    throw new Error(`cannot mix 'bind-*' options with mount type '${mount.Type}'`);
  if (mount.TmpfsOptions && mount.Type !== "tmpfs")
    throw new Error(`cannot mix 'tmpfs-*' options with mount type '${mount.Type}'`);
  if (mount.ImageOptions && mount.Type !== "image")
    throw new Error(`cannot mix 'image-*' options with mount type '${mount.Type}'`);
  checkRecursive(mount);
  return mount;
}

/** What goes with `bind-recursive`. */
function checkRecursive({ BindOptions: bind, ReadOnly: readonly }: Mount): void {
  const forced = bind?.ReadOnlyForceRecursive;
  const needs = (what: string) =>
    new Error(
      `option 'bind-recursive=${forced ? "readonly" : "writable"}' requires '${what}' to be specified in conjunction`,
    );
  if ((forced || bind?.ReadOnlyNonRecursive) && !readonly) throw needs("readonly");
  if (forced && bind?.Propagation !== "rprivate") throw needs("bind-propagation=rprivate");
}
