/** Running programs of other platforms, which the kernel can where an interpreter is registered with binfmt_misc. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { notImplemented } from "../../lib/errors.ts";
import { formatPlatform, hostPlatform, type Platform, platformMatch } from "../../lib/platform.ts";

const registry = "/proc/sys/fs/binfmt_misc";

/** `e_machine` of ELF headers (elf(5)), and whether they are of 64 bits and little-endian. */
const machines: Readonly<Record<string, readonly [machine: number, is64: boolean, isLittle: boolean]>> = {
  amd64: [62, true, true],
  "386": [3, false, true],
  arm64: [183, true, true],
  arm: [40, false, true],
  riscv64: [243, true, true],
  s390x: [22, true, false],
  ppc64le: [21, true, true],
  mips64le: [8, true, true],
  loong64: [258, true, true],
};

/** What this host's processor runs besides its own, without an interpreter. */
const native: Readonly<Record<string, readonly string[]>> = { amd64: ["386"], arm64: ["arm"] };

/** Throws `notImplemented` where a program of that platform cannot run here, saying what helps. */
export function refuseForeign(platform: Platform, directory = registry): void {
  const host = hostPlatform();
  if (platformMatch(host, platform) >= 0) return;
  if (platform.architecture === host.architecture || native[host.architecture]?.includes(platform.architecture)) return;
  if (isRegistered(platform.architecture, directory)) return;
  throw notImplemented(
    `cannot run programs of ${formatPlatform(platform)} on this ${formatPlatform(host)} host: no interpreter is registered for them with binfmt_misc; install qemu-user-static (and binfmt-support), or let the stage run on the host's platform with FROM --platform=$BUILDPLATFORM`,
  );
}

/** Which of x86-64's levels (psABI, "Micro-Architecture Levels") need which flags of /proc/cpuinfo, each on top of the one before. */
const levels: readonly (readonly [variant: string, flags: string])[] = [
  ["v2", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"],
  ["v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"],
  ["v4", "avx512f avx512bw avx512cd avx512dq avx512vl"],
];

function levelsIn(cpuInfo: string): string[] {
  const own = new Set((/^flags\s*: (.*)$/m.exec(cpuInfo)?.[1] ?? "").split(" "));
  const lacking = levels.findIndex(([, flags]) => !flags.split(" ").every((flag) => own.has(flag)));
  return levels.slice(0, lacking < 0 ? levels.length : lacking).map(([variant]) => variant);
}

/** All platforms whose programs run here, this host's first; 32-bit arm by its variants, as clients list them. */
export function runnablePlatforms(directory = registry, cpuInfo = readFileSync("/proc/cpuinfo", "utf8")): Platform[] {
  const host = hostPlatform();
  const { os, architecture } = host;
  const variants = architecture === "amd64" ? levelsIn(cpuInfo) : [];
  const others = Object.keys(machines).filter(
    (one) => one !== architecture && (native[architecture]?.includes(one) || isRegistered(one, directory)),
  );
  return [
    host,
    ...variants.map((variant) => ({ os, architecture, variant })),
    ...others.flatMap((one): Platform[] =>
      one === "arm" ? ["v7", "v6"].map((variant) => ({ os, architecture: one, variant })) : [{ os, architecture: one }],
    ),
  ];
}

/** Whether an enabled interpreter takes ELF files of the architecture, also in a root that does not hold it (flag F). */
function isRegistered(architecture: string, directory: string): boolean {
  const header = machines[architecture];
  if (!header) return false;
  return entriesOf(directory).some((text) => {
    const field = (name: string): string => new RegExp(`^${name}:? (.*)$`, "m").exec(text)?.[1] ?? "";
    const magic = Buffer.from(field("magic"), "hex");
    const isFixed = field("flags").includes("F");
    return text.startsWith("enabled") && isFixed && field("offset") === "0" && isElfOf(magic, header);
  });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name !== "register" && name !== "status")
      .map((name) => readFileSync(join(directory, name), "utf8"));
  } catch {
    return []; // not mounted: nothing is registered
  }
}

function isElfOf(magic: Buffer, [machine, is64, isLittle]: (typeof machines)[string]): boolean {
  if (magic.length < 20 || !magic.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))) return false;
  if ((magic[4] === 2) !== is64 || (magic[5] === 1) !== isLittle) return false;
  return (isLittle ? magic.readUInt16LE(18) : magic.readUInt16BE(18)) === machine;
}
