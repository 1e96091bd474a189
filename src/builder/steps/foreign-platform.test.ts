import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatPlatform, hostPlatform } from "../../lib/platform.ts";
import { refuseForeign, runnablePlatforms } from "./foreign-platform.ts";

/** As the kernel shows what qemu-user-static registers. */
const registered = (state: string, flags: string): string =>
  `${state}\ninterpreter /usr/libexec/qemu-binfmt/s390x-binfmt-P\nflags: ${flags}\noffset 0\nmagic 7f454c4602020100000000000000000000020016\nmask ffffffffffffff00fffffffffffffffffffeffff\n`;

test("refuseForeign() lets pass what the host runs, itself or by a registered interpreter, and names the remedy else", () => {
  const directory = mkdtempSync(join(tmpdir(), "dhow-binfmt-"));
  const s390x = { os: "linux", architecture: "s390x" };
  try {
    expect(() => refuseForeign(hostPlatform(), directory)).not.toThrow();
    expect(() => refuseForeign(s390x, directory)).toThrow(
      /cannot run programs of linux\/s390x .* install qemu-user-static/,
    );
    expect(() => refuseForeign(s390x, join(directory, "none"))).toThrow("cannot run programs");
    for (const [state, flags] of [
      ["disabled", "PF"],
      ["enabled", "P"],
    ] as const) {
      writeFileSync(join(directory, "qemu-s390x"), registered(state, flags));
      expect(() => refuseForeign(s390x, directory)).toThrow("cannot run programs");
    }
    writeFileSync(join(directory, "qemu-s390x"), registered("enabled", "PF"));
    expect(() => refuseForeign(s390x, directory)).not.toThrow();
    expect(() => refuseForeign({ os: "linux", architecture: "riscv64" }, directory)).toThrow("linux/riscv64");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("runnablePlatforms() has the host's, the levels of its processor, and what interpreters are registered for", () => {
  const directory = mkdtempSync(join(tmpdir(), "dhow-binfmt-"));
  const cpu = "processor : 0\nflags\t\t: fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3 avx avx2\n";
  const arm = registered("enabled", "PF").replace(
    "7f454c4602020100000000000000000000020016",
    "7f454c4601010100000000000000000002002800",
  );
  try {
    writeFileSync(join(directory, "qemu-s390x"), registered("enabled", "PF"));
    writeFileSync(join(directory, "qemu-arm"), arm);
    const found = runnablePlatforms(directory, cpu).map(formatPlatform);
    expect(found[0]).toBe(formatPlatform(hostPlatform()));
    expect(found).toEqual(expect.arrayContaining(["linux/s390x", "linux/arm/v7", "linux/arm/v6"]));
    expect(found).not.toContain("linux/riscv64");
    if (hostPlatform().architecture !== "amd64") return;
    expect(found.filter((one) => one.startsWith("linux/amd64/"))).toEqual(["linux/amd64/v2"]);
    expect(runnablePlatforms(directory, "flags : fpu").map(formatPlatform)).not.toContain("linux/amd64/v2");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
