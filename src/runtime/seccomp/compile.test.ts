import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canCompileSeccomp } from "../../linux/seccomp.ts";
import { defaultCapabilities } from "../capabilities.ts";
import { FilterCache } from "./compile.ts";
import { customSeccomp, defaultSeccomp } from "./profile.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-seccomp-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const facts = { arch: "x64", kernel: [6, 1] as const, capabilities: defaultCapabilities };

test.if(canCompileSeccomp())("FilterCache.get() keeps a program by its rules and makes a damaged one again", () => {
  const profile = defaultSeccomp(facts);
  const program = new FilterCache(base).get(profile);
  const [name = ""] = readdirSync(base);
  expect(program?.length).toBeGreaterThan(1000);
  for (const damaged of [Buffer.alloc(0), readFileSync(join(base, name)).subarray(0, -8)]) {
    writeFileSync(join(base, name), damaged);
    expect(new FilterCache(base).get(profile)).toBe(program);
  }
});

test("FilterCache.get() leaves profiles with a listener or flags to the runtime", () => {
  const profile = defaultSeccomp(facts);
  expect(new FilterCache(base).get({ ...profile, listenerPath: "/x" })).toBeNull();
  expect(new FilterCache(base).get({ ...profile, flags: ["SECCOMP_FILTER_FLAG_LOG"] })).toBeNull();
});

test.each([
  ["", "unexpected EOF"],
  ["[]", "profile must be an object"],
  ["{}", "action must be a string"],
  ['{"defaultAction":"SCMP_ACT_NOPE"}', 'unknown action "SCMP_ACT_NOPE"'],
  ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}', "syscalls must be a list"],
  [
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}',
    "use either one",
  ],
  ['{"defaultAction":"SCMP_ACT_ALLOW","archMap":[{}],"architectures":["x"]}', "use either one"],
  ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a;b","action":"SCMP_ACT_ALLOW"}]}', "must be words"],
])("customSeccomp() refuses %s", (text, reason) => {
  expect(() => customSeccomp(text, facts)).toThrow(`Decoding seccomp profile failed: `);
  expect(() => customSeccomp(text, facts)).toThrow(reason);
});

test("customSeccomp() keeps the rules whose conditions this container meets", () => {
  const rule = (name: string, more: object) => ({ names: [name], action: "SCMP_ACT_ALLOW", ...more });
  const text = JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
    syscalls: [
      rule("always", {}),
      rule("capable", { includes: { caps: ["CAP_CHOWN"] } }),
      rule("incapable", { includes: { caps: ["CAP_SYS_ADMIN"] } }),
      rule("excluded", { excludes: { caps: ["CAP_CHOWN"] } }),
      rule("arch", { includes: { arches: ["amd64"] } }),
      rule("otherArch", { includes: { arches: ["s390x"] } }),
      rule("newer", { includes: { minKernel: "4.8" } }),
      rule("tooNew", { includes: { minKernel: "99.0" } }),
    ],
  });
  const profile = customSeccomp(text, facts);
  expect(profile.syscalls.flatMap((one) => one.names)).toEqual(["always", "capable", "arch", "newer"]);
  expect(profile.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
});

test.each([
  ["is closed where only some sockets are let through", [], ["socketcall", "socket"]],
  ["stays as the profile says where it speaks of it", ["socketcall"], ["socketcall", "socket"]],
])("customSeccomp(): socketcall %s", (_what, own, names) => {
  const allow = { action: "SCMP_ACT_ALLOW" };
  const rules = [
    ...own.map((name) => ({ names: [name], ...allow })),
    { names: ["socket"], ...allow, args: [{ index: 0, value: 2, op: "SCMP_CMP_EQ" }] },
  ];
  const profile = customSeccomp(JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls: rules }), facts);
  expect(profile.syscalls.flatMap((one) => one.names)).toEqual(names);
  expect(profile.syscalls[0]?.action).toBe(own.length > 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
});

/** What a program answers to a call without arguments: seccomp(2)'s classic BPF, as far as filters use it. */
function verdict(base64: string | null, arch: number, number: number): string {
  const program = Buffer.from(base64 ?? "", "base64");
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(arch, 4);
  let value = 0;
  for (let at = 0; ; at++) {
    const [code, k] = [program.readUInt16LE(at * 8), program.readUInt32LE(at * 8 + 4)];
    const jump = (taken: boolean): void => {
      at += program[at * 8 + (taken ? 2 : 3)]!;
    };
    if (code === 0x20) value = data.readUInt32LE(k);
    else if (code === 0x54) value = (value & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (code === 0x15) jump(value === k);
    else if (code === 0x25) jump(value > k);
    else if (code === 0x35) jump(value >= k);
    else if (code === 0x45) jump((value & k) !== 0);
    else if (code === 0x06)
      return k === 0x7fff0000 ? "allow" : k >= 0x50000 && k < 0x60000 ? `errno ${k & 0xffff}` : "kill";
    else throw new Error(`instruction ${code.toString(16)}`);
  }
}

const [x8664, i386, arm, aarch64] = [0xc000003e, 0x40000003, 0x40000028, 0xc00000b7];
const x32Bit = 0x40000000;

test.if(canCompileSeccomp())("FilterCache.get() leaves an architecture's private calls to libseccomp", () => {
  const program = new FilterCache(base).get(defaultSeccomp({ ...facts, arch: "arm64" }));
  expect(verdict(program, arm, 0xf0005)).toBe("allow"); // set_tls
  expect(verdict(program, arm, 0xf0002)).toBe("allow"); // cacheflush
  expect(verdict(program, arm, 0xf0009)).toBe("errno 1");
  expect(verdict(program, arm, 500)).toBe("errno 38");
  expect(verdict(program, aarch64, 469)).toBe("allow");
  const x32 = new FilterCache(base).get(defaultSeccomp(facts));
  expect(verdict(x32, x8664, x32Bit | 515)).toBe("allow"); // readv
  expect(verdict(x32, x8664, x32Bit | 500)).toBe("errno 38");
  for (const number of [470, 511, 548, 600, 0xeffff]) expect(verdict(x32, x8664, number)).toBe("errno 38");
});

test.if(canCompileSeccomp())("FilterCache.get() lets recent calls through on the profile's architectures alone", () => {
  const rule = { names: ["file_setattr", "read"], action: "SCMP_ACT_ALLOW" };
  const of = (architectures: string[]): string | null =>
    new FilterCache(base).get({ defaultAction: "SCMP_ACT_ERRNO", architectures, syscalls: [rule] });
  const own = of(["SCMP_ARCH_X86_64"]);
  expect(verdict(own, x8664, 469)).toBe("allow");
  expect(verdict(own, i386, 469)).toBe("kill");
  expect(verdict(own, x8664, x32Bit | 469)).not.toBe("allow");
  const both = of(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  expect(verdict(both, i386, 469)).toBe("allow");
  expect(verdict(both, x8664, x32Bit | 469)).toBe("allow");
});

test.if(canCompileSeccomp())("defaultSeccomp() allows uretprobe, whose number is another call's elsewhere", () => {
  const program = new FilterCache(base).get(defaultSeccomp(facts));
  expect(verdict(program, x8664, 335)).toBe("allow");
  expect(verdict(program, x8664, 336)).toBe("errno 1");
  expect(verdict(program, x8664, x32Bit | 335)).toBe("errno 1");
});
