import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "../../lib/platform.ts";
import { refuseForeign } from "./foreign-platform.ts";

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
