/** Platforms `os/architecture[/variant]`, normalised as OCI runtimes spell them. */
import { invalidArgument, messageOf } from "./errors.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const architectures: Record<string, [architecture: string, variant?: string]> = {
  i386: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  x64: ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** What a lone word may name: the architectures that Go knows. */
const knownArchitectures: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/** One spelling of each: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const [architecture, implied] = architectures[lower] ?? [lower];
  let variant = platform.variant?.toLowerCase() || implied;
  if (architecture === "arm64" && (variant === "8" || variant === "v8")) variant = undefined;
  if (architecture === "arm") variant = variant === undefined ? "v7" : /^\d/.test(variant) ? `v${variant}` : variant;
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/** The platform this engine runs on. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: "linux", architecture: process.arch === "ia32" ? "386" : process.arch });
}

/** Reads `os[/arch[/variant]]`, a lone architecture, or the JSON that newer clients send; "" is the host's platform. */
export function parsePlatform(text: string): Platform {
  const host = hostPlatform();
  if (text === "") return host;
  if (text.startsWith("{")) return parseJsonPlatform(text);
  const parts = text.split("/");
  const bad = parts.find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (bad === undefined && parts.length > 3) {
    throw invalidArgument(`${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
  }
  if (bad !== undefined) {
    throw invalidArgument(
      `${JSON.stringify(bad)} is an invalid component of ${JSON.stringify(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
    );
  }
  const [first = "", architecture, variant] = parts;
  if (architecture !== undefined) return normalizePlatform({ os: first, architecture, variant });
  const isOs = /^(linux|windows|darwin|macos|freebsd)$/i.test(first);
  if (isOs) return normalizePlatform({ ...host, os: first });
  const named = normalizePlatform({ os: host.os, architecture: first });
  if (!knownArchitectures.has(named.architecture)) {
    throw invalidArgument(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
  }
  return named;
}

function parseJsonPlatform(text: string): Platform {
  try {
    const value = JSON.parse(text) as { os?: unknown; architecture?: unknown; variant?: unknown };
    if (typeof value.os !== "string" || typeof value.architecture !== "string") throw new Error("os and architecture");
    const variant = typeof value.variant === "string" && value.variant !== "" ? value.variant : undefined;
    return normalizePlatform({ os: value.os, architecture: value.architecture, variant });
  } catch (error) {
    throw invalidArgument(`failed to parse platform: ${messageOf(error)}`);
  }
}

/** `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant ? `/${variant}` : ""}`;
}

/**
 * How well an image for `have` runs where `want` is asked for: higher is better, -1 not at all. An exact match wins; an
 * arm of a lower variant, or a 32-bit arm on arm64, still runs.
 */
export function platformMatch(want: Platform, have: Platform): number {
  const a = normalizePlatform(want);
  const b = normalizePlatform(have);
  if (a.os !== b.os) return -1;
  const level = (variant: string | undefined): number => Number(/^v(\d+)/.exec(variant ?? "")?.[1] ?? 0);
  if (a.architecture === b.architecture) {
    if (a.variant === b.variant) return 100;
    if (a.architecture === "arm") return level(b.variant) < level(a.variant) ? level(b.variant) : -1;
    if (a.architecture === "amd64") return level(b.variant) < level(a.variant) ? 10 + level(b.variant) : -1;
    return a.variant === undefined || b.variant === undefined ? 50 : -1;
  }
  return -1;
}
