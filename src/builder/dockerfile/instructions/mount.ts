/** `RUN --mount`. */
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { splitFields } from "../../../lib/flags.ts";
import { parseBool, parseUnsigned } from "../../../lib/flags-numbers.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import { parseBytes } from "../../../lib/units.ts";
import { reading } from "./refusals.ts";

const mountTypes = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
export type MountType = (typeof mountTypes)[number];
const sharings = ["shared", "private", "locked"] as const;
export type Sharing = (typeof sharings)[number];

/** A mount as its options say; what is not given is null, or "" for texts. */
export interface Mount {
  readonly type: MountType;
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly isRequired: boolean;
  readonly id: string;
  /** The variable that a secret becomes. */
  readonly env: string | null;
  readonly sharing: Sharing | null;
  /** Bytes of a tmpfs; null is as much as the kernel gives. */
  readonly size: number | null;
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

type Draft = { -readonly [K in keyof Mount]: Mount[K] } & {
  /** Null where nothing was said of reading and writing. */
  readOnly: boolean | null;
};

const mostId = 2 ** 32 - 1;
const keys =
  "type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env".split(
    " ",
  );

function csvFields(text: string): readonly string[] {
  try {
    return splitFields(text);
  } catch (error) {
    throw invalidArgument(`failed to parse csv mounts: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * What can be said of a mount before variables are known: that it can be read at all, and `from` without any, as it decides
 * which stages are needed. Throws `invalidArgument`.
 */
export function readMountSource(text: string): { readonly from: string } {
  let from = "";
  const fields = csvFields(text);
  // These have no source; that a `from` is wrong with them is told when they are read in full.
  if (fields.some((field) => /^type=(?:secret|ssh|tmpfs)$/i.test(field))) return { from };
  for (const field of fields) {
    const value = /^from=(.*)$/is.exec(field)?.[1];
    if (value === undefined) continue;
    if (/\$./s.test(value)) {
      throw invalidArgument("'from' doesn't support variable expansion, define alias stage instead");
    }
    from = value;
  }
  return { from };
}

/** Reads the options of one mount, each value through `expand`; throws `invalidArgument` in BuildKit's words. */
export function readMount(text: string, expand: (word: string) => string): Mount {
  const draft: Draft = {
    type: "bind",
    from: "",
    source: "",
    target: "",
    isReadOnly: false,
    isRequired: false,
    id: "",
    env: null,
    sharing: null,
    size: null,
    mode: null,
    uid: null,
    gid: null,
    readOnly: null,
  };
  for (const field of csvFields(text)) {
    const at = field.indexOf("=");
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase();
    if (at < 0) takeBare(draft, key, field);
    else takeValue(draft, key, expand(field.slice(at + 1)), field);
  }
  const { readOnly, ...mount } = draft;
  const isReadOnly = readOnly ?? (mount.type !== "cache" && mount.type !== "tmpfs");
  const complete = { ...mount, isReadOnly };
  refuseContradictions(complete);
  return complete;
}

function takeBare(draft: Draft, key: string, field: string): void {
  if (key === "readonly" || key === "ro") draft.readOnly = true;
  else if (key === "readwrite" || key === "rw") draft.readOnly = false;
  else if (key === "required") {
    refuseKeyUnless(draft, key, "secret", "ssh");
    draft.isRequired = true;
  } else throw invalidArgument(`invalid field '${field}' must be a key=value pair`);
}

function refuseKeyUnless(draft: Draft, key: string, ...types: MountType[]): void {
  if (!types.includes(draft.type)) throw invalidArgument(`unexpected key '${key}' for mount type '${draft.type}'`);
}

function takeValue(draft: Draft, key: string, value: string, field: string): void {
  const asSwitch = (): boolean => reading(() => parseBool(value), `invalid value for ${key}: ${value}`);
  const asId = (): number => reading(() => parseUnsigned(value, mostId), `invalid value ${value} for ${key}`);
  switch (key) {
    case "type":
      draft.type = oneOf(mountTypes, value, "mount type");
      return;
    case "from":
      draft.from = value;
      return;
    case "source":
    case "src":
      draft.source = value;
      return;
    case "target":
    case "dst":
    case "destination":
      draft.target = value;
      return;
    case "readonly":
    case "ro":
      draft.readOnly = asSwitch();
      return;
    case "readwrite":
    case "rw":
      draft.readOnly = !asSwitch();
      return;
    case "required":
      refuseKeyUnless(draft, key, "secret", "ssh");
      draft.isRequired = asSwitch();
      return;
    case "size":
      refuseKeyUnless(draft, key, "tmpfs");
      draft.size = reading(() => parseBytes(value), `invalid value for ${key}: ${value}`);
      return;
    case "id":
      draft.id = value;
      return;
    case "sharing":
      draft.sharing = oneOf(sharings, value, "sharing value");
      return;
    case "mode":
      draft.mode = readMode(value);
      return;
    case "uid":
    case "gid":
      draft[key] = asId();
      return;
    case "env":
      draft.env = value;
      return;
    default:
      throw invalidArgument(`unexpected key '${key}' in '${field}'${didYouMean(key, keys)}`);
  }
}

function oneOf<const T extends string>(known: readonly T[], value: string, what: string): T {
  const found = known.find((each) => each === value.toLowerCase());
  if (found === undefined) {
    throw invalidArgument(`unsupported ${what} ${printf("%q", [value])}${didYouMean(value, known)}`);
  }
  return found;
}

function readMode(value: string): number {
  if (!/^[0-7]{1,11}$/.test(value) || Number.parseInt(value, 8) > mostId) {
    throw invalidArgument(`invalid value ${value} for mode`);
  }
  return Number.parseInt(value, 8);
}

function refuseContradictions(mount: Mount): void {
  const { type, sharing } = mount;
  for (const key of ["mode", "uid", "gid"] as const) {
    if (mount[key] !== null && (type === "bind" || type === "tmpfs")) {
      throw invalidArgument(`${key} not allowed for "${type}" type mounts`);
    }
  }
  if (type === "secret") {
    if (mount.from !== "") throw invalidArgument("secret mount should not have a from");
    if (sharing !== null) throw invalidArgument("secret mount should not define sharing");
    if (mount.source === "" && mount.target === "" && mount.id === "") {
      throw invalidArgument("invalid secret mount. one of source, target required");
    }
    if (mount.source !== "" && mount.id !== "") throw invalidArgument("both source and id can't be set");
  }
  if (sharing !== null && type !== "cache") throw invalidArgument(`invalid cache sharing set for ${type} mount`);
  if (type === "ssh" && mount.source !== "") throw invalidArgument("ssh does not support source");
}
