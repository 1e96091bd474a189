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
