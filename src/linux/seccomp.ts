/**
 * Syscall filters compiled by libseccomp(3), which every OCI runtime on the host brings along: rules in, an array of
 * `struct sock_filter` (seccomp(2)) out.
 */

import { dlopen, FFIType, type Pointer, ptr } from "bun:ffi";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { tmpdir } from "node:os";
import { cstring } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

/** What a rule does, as SECCOMP_RET_* values; the low 16 bits carry an errno or a trace message. */
export const seccompActions = {
  killProcess: 0x80000000,
  killThread: 0,
  trap: 0x00030000,
  errno: 0x00050000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const;

/** `enum scmp_compare`. */
export const seccompOperators = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 } as const;

/** `SCMP_ARCH_*` tokens: AUDIT_ARCH values, and libseccomp's own for x32. */
export const seccompArchitectures: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_RISCV64: 0xc00000f3,
};

export interface SeccompArgument {
  /** 0-5. */
  readonly index: number;
  readonly operator: number;
  readonly value: bigint;
  /** Second value of MASKED_EQ: `(argument & value) == second`. */
  readonly second: bigint;
}

export interface SeccompRule {
  readonly syscall: string;
  readonly action: number;
  readonly args: readonly SeccompArgument[];
}

export interface SeccompFilterRequest {
  readonly defaultAction: number;
  /** `SCMP_ARCH_` names; the host's own is always there. */
  readonly architectures: readonly string[];
  readonly rules: readonly SeccompRule[];
}

export interface CompiledFilter {
  readonly program: Buffer;
  /** Rules whose syscall this libseccomp has no number for. */
  readonly unknown: readonly SeccompRule[];
}

const optimizeAttribute = 8;
const binaryTree = 2;
const unknownSyscall = -1;
const argumentBytes = 24;
const einval = 22;

const open = () =>
  dlopen("libseccomp.so.2", {
    seccomp_init: { args: [FFIType.u32], returns: FFIType.ptr },
    seccomp_release: { args: [FFIType.ptr], returns: FFIType.void },
    seccomp_arch_add: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    seccomp_attr_set: { args: [FFIType.ptr, FFIType.i32, FFIType.u32], returns: FFIType.i32 },
    seccomp_syscall_resolve_name: { args: [FFIType.ptr], returns: FFIType.i32 },
    seccomp_rule_add_array: {
      args: [FFIType.ptr, FFIType.u32, FFIType.i32, FFIType.u32, FFIType.ptr],
      returns: FFIType.i32,
    },
    seccomp_export_bpf: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  }).symbols;

let library: ReturnType<typeof open> | null | undefined;

function libseccomp(): ReturnType<typeof open> | null {
  if (library === undefined) {
    try {
      library = open();
    } catch {
      library = null;
    }
  }
  return library;
}

/** True when libseccomp.so.2 can be loaded; without it filters go to the runtime as rules. */
export function canCompileSeccomp(): boolean {
  return libseccomp() !== null;
}

/** Compiles one filter; throws {@link SyscallError} (`seccomp_*` with its errno) for a rule that libseccomp refuses. */
export function compileSeccomp(request: SeccompFilterRequest): CompiledFilter {
  const lib = libseccomp();
  if (!lib) throw new Error("libseccomp.so.2 cannot be loaded");
  const context = lib.seccomp_init(request.defaultAction);
  if (context === null) throw new SyscallError("seccomp_init", einval);
  try {
    for (const name of request.architectures) {
      const token = seccompArchitectures[name];
      if (token === undefined) throw new TypeError(`unknown seccomp architecture "${name}"`);
      const result = lib.seccomp_arch_add(context, token);
      if (result < 0 && result !== -17) throw new SyscallError("seccomp_arch_add", -result, name);
    }
    lib.seccomp_attr_set(context, optimizeAttribute, binaryTree);
    const unknown = request.rules.filter((rule) => !addRule(lib, context, rule, request.defaultAction));
    return { program: exportProgram(lib, context), unknown };
  } finally {
    lib.seccomp_release(context);
  }
}

/** False when libseccomp does not know the syscall by name. */
function addRule(
  lib: NonNullable<ReturnType<typeof libseccomp>>,
  context: Pointer | bigint,
  rule: SeccompRule,
  defaultAction: number,
): boolean {
  if (rule.action === defaultAction) return true;
  const name = cstring(rule.syscall);
  const number = lib.seccomp_syscall_resolve_name(ptr(name));
  if (number === unknownSyscall) return false;
  const args = Buffer.alloc(Math.max(1, rule.args.length) * argumentBytes);
  rule.args.forEach((arg, i) => {
    args.writeUInt32LE(arg.index, i * argumentBytes);
    args.writeUInt32LE(arg.operator, i * argumentBytes + 4);
    args.writeBigUInt64LE(BigInt.asUintN(64, arg.value), i * argumentBytes + 8);
    args.writeBigUInt64LE(BigInt.asUintN(64, arg.second), i * argumentBytes + 16);
  });
  const result = lib.seccomp_rule_add_array(context, rule.action, number, rule.args.length, ptr(args));
  if (result < 0) throw new SyscallError("seccomp_rule_add_array", -result, rule.syscall);
  return true;
}

/** The library writes to a descriptor only: an unnamed file takes the program. */
function exportProgram(lib: NonNullable<ReturnType<typeof libseccomp>>, context: Pointer | bigint): Buffer {
  const oTmpfile = 0o20200000;
  const fd = openSync(tmpdir(), constants.O_RDWR | oTmpfile, 0o600);
  try {
    const result = lib.seccomp_export_bpf(context, fd);
    if (result < 0) throw new SyscallError("seccomp_export_bpf", -result);
    const chunks: Buffer[] = [];
    for (let position = 0; ; ) {
      const chunk = Buffer.alloc(65536);
      const count = readSync(fd, chunk, 0, chunk.length, position);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      position += count;
    }
  } finally {
    closeSync(fd);
  }
}
