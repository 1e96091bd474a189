/**
 * From "what the container may do" to the rules of the OCI spec: the built-in policy, or a profile file in Docker's
 * format (names and conditions on architecture, capabilities and kernel).
 */
import { invalidArgument, messageOf } from "../../lib/errors.ts";
import { parseJson } from "../../lib/json.ts";
import type { OciSeccomp, OciSeccompArgument, OciSeccompRule } from "../spec/oci.ts";
import { allowedAlways, allowedOn, allowedWith, cloneNamespaceFlags, personalities, socketFamilies } from "./table.ts";

const eperm = 1;
const enosys = 38;

/** Architectures that programs of a machine may be built for, the native one first. */
const architectures: Readonly<Record<string, readonly string[]>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  riscv64: ["SCMP_ARCH_RISCV64"],
};

/** Docker's words for machines in `includes.arches`. */
const archNames: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", riscv64: "riscv64" };

/** What rules may depend on. */
export interface FilterFacts {
  /** Node's word for the machine. */
  readonly arch: string;
  readonly kernel: readonly [major: number, minor: number];
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
const equals = (index: number, value: number): OciSeccompArgument => ({ index, value, op: "SCMP_CMP_EQ" });

/**
 * Closes 32-bit socketcall(2) whole, whose arguments are in memory that no filter sees. A rule on the arguments of socket
 * makes libseccomp let all of socketcall(SYS_SOCKET) through, whatever the family, and only an unconditional rule before it
 * outweighs that. Its errno must not be the default one, or runtimes drop the rule as idle.
 */
const noSocketcall: OciSeccompRule = { names: ["socketcall"], action: "SCMP_ACT_ERRNO", errnoRet: enosys };

/** The built-in policy for a container with these capabilities. */
export function defaultSeccomp(facts: FilterFacts): OciSeccomp {
  const allowed = new Set(Object.values(allowedAlways).flatMap(words));
  for (const name of words(allowedOn[facts.arch] ?? "")) allowed.add(name);
  for (const capability of facts.capabilities) {
    for (const name of words(allowedWith[capability] ?? "")) allowed.add(name);
  }
  const allow = (names: readonly string[], ...args: OciSeccompArgument[]): OciSeccompRule => ({
    names,
    action: "SCMP_ACT_ALLOW",
    ...(args.length > 0 ? { args } : {}),
  });
  const syscalls: OciSeccompRule[] = [noSocketcall, allow([...allowed].sort())];
  for (const value of personalities) syscalls.push(allow(["personality"], equals(0, value)));
  syscalls.push(allow(["socket"], { index: 0, value: socketFamilies.below, op: "SCMP_CMP_LT" }));
  for (const family of socketFamilies.equal) syscalls.push(allow(["socket"], equals(0, family)));
  if (!facts.capabilities.includes("CAP_SYS_ADMIN")) {
    syscalls.push(allow(["clone"], { index: 0, value: cloneNamespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }), {
      names: ["clone3"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: enosys,
    });
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: eperm,
    architectures: architectures[facts.arch] ?? [],
    syscalls,
  };
}

type Json = Record<string, unknown>;

const actions = new Set(
  ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG", "NOTIFY"].map(
    (a) => `SCMP_ACT_${a}`,
  ),
);
const operators = new Set(["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map((op) => `SCMP_CMP_${op}`));

/**
 * The rules of a profile file for this container. Every malformation is `invalidArgument`: a profile that cannot be
 * read never becomes "no profile".
 */
export function customSeccomp(text: string, facts: FilterFacts): OciSeccomp {
  try {
    return fromDocument(object(parseJson(text), "profile"), facts);
  } catch (error) {
    throw invalidArgument(`Decoding seccomp profile failed: ${messageOf(error)}`, { cause: error });
  }
}

function fromDocument(document: Json, facts: FilterFacts): OciSeccomp {
  const archMap = list(document.archMap, "archMap").map((entry) => object(entry, "archMap entry"));
  const listed = list(document.architectures, "architectures").map((name) => string(name, "architecture"));
  if (archMap.length > 0 && listed.length > 0) {
    throw new Error("both 'architectures' and 'archMap' are specified in the seccomp profile, use either one");
  }
  const own = architectures[facts.arch] ?? [];
  const mapped = archMap.find((entry) => entry.architecture === own[0]);
  const flags = list(document.flags, "flags").map((flag) => string(flag, "flag"));
  const defaultErrno = document.defaultErrnoRet;
  return {
    defaultAction: action(document.defaultAction),
    ...(defaultErrno == null ? {} : { defaultErrnoRet: integer(defaultErrno, "defaultErrnoRet") }),
    architectures: mapped
      ? [
          string(mapped.architecture, "architecture"),
          ...list(mapped.subArchitectures, "subArchitectures").map((name) => string(name, "architecture")),
        ]
      : listed,
    ...(flags.length > 0 ? { flags } : {}),
    ...(document.listenerPath ? { listenerPath: string(document.listenerPath, "listenerPath") } : {}),
    ...(document.listenerMetadata ? { listenerMetadata: string(document.listenerMetadata, "listenerMetadata") } : {}),
    syscalls: withoutFamilyBypass(
      list(document.syscalls, "syscalls").flatMap((entry) => rule(object(entry, "syscall rule"), facts)),
    ),
  };
}

/** A profile that lets only some sockets through means socketcall to be closed too, unless it speaks of it itself. */
function withoutFamilyBypass(rules: readonly OciSeccompRule[]): OciSeccompRule[] {
  const of = (name: string) => rules.filter((one) => one.names.includes(name) && one.action === "SCMP_ACT_ALLOW");
  const selective = of("socket").length > 0 && of("socket").every((one) => (one.args ?? []).length > 0);
  const spoken = rules.some((one) => one.names.includes("socketcall"));
  return selective && !spoken ? [noSocketcall, ...rules] : [...rules];
}

function rule(entry: Json, facts: FilterFacts): OciSeccompRule[] {
  const single = entry.name == null || entry.name === "" ? [] : [string(entry.name, "name")];
  const several = list(entry.names, "names").map((name) => string(name, "name"));
  if (single.length > 0 && several.length > 0) {
    throw new Error("both 'name' and 'names' are specified in the seccomp profile, use either one");
  }
  const parsed: OciSeccompRule = {
    names: [...single, ...several],
    action: action(entry.action),
    ...(entry.errnoRet == null ? {} : { errnoRet: integer(entry.errnoRet, "errnoRet") }),
    args: list(entry.args, "args").map((arg) => argument(object(arg, "argument"))),
  };
  if (parsed.names.some((name) => !/^[A-Za-z0-9_]+$/.test(name))) throw new Error("syscall names must be words");
  const includes = object(entry.includes ?? {}, "includes");
  const excludes = object(entry.excludes ?? {}, "excludes");
  return included(includes, facts) && !excluded(excludes, facts) ? [parsed] : [];
}

interface Conditions {
  readonly arches: readonly string[];
  readonly caps: readonly string[];
  readonly minKernel: boolean | null;
}

function conditions(filter: Json, facts: FilterFacts): Conditions {
  const minimum = filter.minKernel == null ? null : /^(\d+)\.(\d+)$/.exec(string(filter.minKernel, "minKernel"));
  if (minimum === null && filter.minKernel != null) throw new Error("minKernel must be MAJOR.MINOR");
  const [major, minor] = facts.kernel;
  return {
    arches: list(filter.arches, "arches").map((name) => string(name, "architecture")),
    caps: list(filter.caps, "caps").map((name) => string(name, "capability")),
    minKernel: minimum && (major > Number(minimum[1]) || (major === Number(minimum[1]) && minor >= Number(minimum[2]))),
  };
}

function included(filter: Json, facts: FilterFacts): boolean {
  const { arches, caps, minKernel } = conditions(filter, facts);
  if (arches.length > 0 && !arches.includes(archNames[facts.arch] ?? facts.arch)) return false;
  return caps.every((name) => facts.capabilities.includes(name)) && minKernel !== false;
}

function excluded(filter: Json, facts: FilterFacts): boolean {
  const { arches, caps, minKernel } = conditions(filter, facts);
  if (arches.includes(archNames[facts.arch] ?? facts.arch)) return true;
  return caps.some((name) => facts.capabilities.includes(name)) || minKernel === true;
}

function argument(entry: Json): OciSeccompArgument {
  const op = string(entry.op, "op");
  if (!operators.has(op)) throw new Error(`unknown operator "${op}"`);
  const index = integer(entry.index, "index");
  if (index < 0 || index > 5) throw new Error(`argument index ${index} is out of range`);
  return { index, value: int64(entry.value), valueTwo: int64(entry.valueTwo ?? 0), op };
}

function action(value: unknown): string {
  const name = string(value, "action");
  if (!actions.has(name)) throw new Error(`unknown action "${name}"`);
  return name;
}

function object(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} must be an object`);
  return value as Json;
}

function list(value: unknown, what: string): unknown[] {
  if (value == null) return [];
  if (!Array.isArray(value)) throw new Error(`${what} must be a list`);
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== "string") throw new Error(`${what} must be a string`);
  return value;
}

function integer(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw new Error(`${what} must be an integer`);
  return value;
}

function int64(value: unknown): number | bigint {
  return typeof value === "bigint" ? value : integer(value, "value");
}
