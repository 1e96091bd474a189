/**
 * A profile's rules as the program that the kernel runs, made once per set of rules and kept by its hash: reading some
 * 400 names for three architectures costs the runtime more than the rest of a container's start.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringifyJson } from "../../lib/json.ts";
import {
  canCompileSeccomp,
  compileSeccomp,
  type SeccompRule,
  seccompActions,
  seccompArchitectures,
  seccompOperators,
} from "../../linux/seccomp.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { OciSeccomp, OciSeccompRule } from "../spec/oci.ts";
import { recentSyscalls, recentSyscallsOn } from "./table.ts";

/** Raise it whenever the same rules would give another program. */
const format = 5;
const eperm = 1;
const enosys = 38;

/** Compiled filters by the hash of their rules, in memory and under `directory`. */
export class FilterCache {
  readonly #directory: string;
  readonly #known = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * The program of `profile` in base64, or null when only the runtime itself can install it (a listener is asked for, an
   * architecture or flag is not ours, or libseccomp is absent).
   */
  get(profile: OciSeccomp): string | null {
    if (!compilable(profile)) return null;
    const hash = new Bun.CryptoHasher("sha256").update(`${format}\n${stringifyJson(profile)}`).digest("hex");
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    const base64 = this.#load(hash, profile).toString("base64");
    this.#known.set(hash, base64);
    return base64;
  }

  #load(hash: string, profile: OciSeccomp): Buffer {
    const path = join(this.#directory, `${hash}.bpf`);
    try {
      const stored = readFileSync(path);
      if (stored.length > 32 && sealed(stored.subarray(32)).equals(stored.subarray(0, 32))) return stored.subarray(32);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
    const program = compileFilter(profile);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, Buffer.concat([sealed(program), program]), { mode: 0o600 });
    renameSync(temporary, path);
    return program;
  }
}

/** A stored program is trusted only with the digest it was stored with: a cut file must not become a weaker filter. */
const sealed = (program: Uint8Array): Buffer => new Bun.CryptoHasher("sha256").update(program).digest();

function compilable(profile: OciSeccomp): boolean {
  return (
    canCompileSeccomp() &&
    (profile.flags ?? []).length === 0 &&
    profile.listenerPath === undefined &&
    profile.architectures.every((name) => seccompArchitectures[name] !== undefined) &&
    [profile.defaultAction, ...profile.syscalls.map((rule) => rule.action)].every((name) => name !== "SCMP_ACT_NOTIFY")
  );
}

/** Compiles without the cache; the result is an array of `struct sock_filter`. */
function compileFilter(profile: OciSeccomp): Buffer {
  const defaultAction = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const { program, unknown } = compileSeccomp({
    defaultAction,
    architectures: profile.architectures,
    rules: profile.syscalls.flatMap(toRules),
  });
  return Buffer.concat([encode(prologue(unknown, defaultAction, profile.architectures)), program]);
}

function toRules(rule: OciSeccompRule): SeccompRule[] {
  const action = actionValue(rule.action, rule.errnoRet);
  const args = (rule.args ?? []).map((arg) => ({
    index: arg.index,
    operator: seccompOperators[arg.op.slice("SCMP_CMP_".length) as keyof typeof seccompOperators],
    value: BigInt(arg.value),
    second: BigInt(arg.valueTwo ?? 0),
  }));
  return rule.names.map((syscall) => ({ syscall, action, args }));
}

function actionValue(name: string, data: number | undefined): number {
  switch (name) {
    case "SCMP_ACT_ALLOW":
      return seccompActions.allow;
    case "SCMP_ACT_ERRNO":
      return seccompActions.errno | ((data ?? eperm) & 0xffff);
    case "SCMP_ACT_TRACE":
      return seccompActions.trace | ((data ?? eperm) & 0xffff);
    case "SCMP_ACT_LOG":
      return seccompActions.log;
    case "SCMP_ACT_TRAP":
      return seccompActions.trap;
    case "SCMP_ACT_KILL_PROCESS":
      return seccompActions.killProcess;
    default:
      return seccompActions.killThread;
  }
}

const loadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS, of seccomp_data
const numberOffset = 0;
const architectureOffset = 4;
const andConstant = 0x54; // BPF_ALU | BPF_AND | BPF_K
const jumpAlways = 0x05; // BPF_JMP | BPF_JA
const jumpEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const jumpGreater = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const returnConstant = 0x06; // BPF_RET | BPF_K
const withoutX32Bit = 0x3fffffff;

/** The kernel's word for x32 programs is x86-64's; a bit of the call's number tells them apart. */
const x32 = "SCMP_ARCH_X32";

/** Numbers of an architecture's own, to be left to libseccomp: x32's second set, and ARM's private calls. */
const x32Set = { first: 512, last: 547 };
const firstArmPrivate = 0xf0000;

const native: Readonly<Record<string, string>> = {
  x64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  riscv64: "SCMP_ARCH_RISCV64",
};

/**
 * Instructions in front of libseccomp's, for calls it has no name for, on the architectures of the profile and the host's
 * own: what others may do is decided behind. Numbers above all that the table knows answer ENOSYS where the policy denies
 * by default: a C library then takes its older path, where EPERM would make it give up.
 */
function prologue(
  unknown: readonly SeccompRule[],
  defaultAction: number,
  architectures: readonly string[],
): Instruction[] {
  const here = new Set([native[process.arch] ?? "", ...architectures]);
  const common: Instruction[] = [[loadWord, 0, 0, numberOffset]];
  if (here.has(x32)) common.push([andConstant, 0, 0, withoutX32Bit]);
  common.push(...verdicts(unknown, recentSyscalls, defaultAction));
  if ((defaultAction & 0xffff0000) >>> 0 === seccompActions.errno) {
    const newest = Math.max(...Object.values(recentSyscalls));
    common.push(
      [jumpGreater, 0, 4, newest],
      [jumpGreater, 3, 0, firstArmPrivate - 1],
      [jumpGreater, 1, 0, x32Set.last],
      [jumpGreater, 1, 0, x32Set.first - 1],
      [returnConstant, 0, 0, seccompActions.errno | enosys],
    );
  }
  const instructions: Instruction[] = [];
  for (const [name, numbers] of Object.entries(recentSyscallsOn)) {
    const own = here.has(name) ? verdicts(unknown, numbers, defaultAction) : [];
    if (own.length === 0) continue;
    instructions.push(
      [loadWord, 0, 0, architectureOffset],
      [jumpEqual, 0, own.length + 1, seccompArchitectures[name]!],
    );
    instructions.push([loadWord, 0, 0, numberOffset], ...own);
  }
  const words = new Set([...here].flatMap((name) => (name === x32 ? [] : (seccompArchitectures[name] ?? []))));
  instructions.push([loadWord, 0, 0, architectureOffset]);
  [...words].forEach((word, i) => void instructions.push([jumpEqual, words.size - i, 0, word]));
  instructions.push([jumpAlways, 0, 0, common.length]);
  return [...instructions, ...common];
}

/** What is answered at once to the calls of `numbers`, the number being loaded. */
function verdicts(
  unknown: readonly SeccompRule[],
  numbers: Readonly<Record<string, number>>,
  defaultAction: number,
): Instruction[] {
  const instructions: Instruction[] = [];
  const seen = new Set<number>();
  for (const { syscall, action, args } of unknown) {
    const number = numbers[syscall];
    if (number === undefined || seen.has(number) || action === defaultAction) continue;
    if (args.length > 0 && action === seccompActions.allow) continue;
    seen.add(number);
    instructions.push([jumpEqual, 0, 1, number], [returnConstant, 0, 0, action]);
  }
  return instructions;
}

type Instruction = [code: number, jt: number, jf: number, k: number];

/** `struct sock_filter`: u16 code, u8 jt, u8 jf, u32 k. */
function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code, jt, jf, k], i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jt, i * 8 + 2);
    bytes.writeUInt8(jf, i * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  });
  return bytes;
}
