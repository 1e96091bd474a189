/** The platform that an entry of a manifest list names. */

/** Fields as OCI writes them, in this order. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
}

/** What is said of a platform in an image's configuration or in an entry of an index; other fields do not count. */
export function platformIn(value: unknown): Platform {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  const features = Array.isArray(fields["os.features"]) ? fields["os.features"] : [];
  return platformOf({
    architecture: text("architecture"),
    os: text("os"),
    "os.version": text("os.version"),
    "os.features": features.filter((feature) => typeof feature === "string"),
    variant: text("variant"),
  });
}

/** In the fields' order, and without those that are empty. */
export function platformOf(platform: Platform): Platform {
  const { architecture, os, "os.version": version = "", "os.features": features = [], variant = "" } = platform;
  return {
    architecture,
    os,
    ...(version !== "" && { "os.version": version }),
    ...(features.length > 0 && { "os.features": features }),
    ...(variant !== "" && { variant }),
  };
}

/** The systems that Docker's client takes an annotation for, each with its architectures. */
const architectures: Readonly<Record<string, string>> = {
  darwin: "386 amd64 arm arm64",
  dragonfly: "amd64",
  freebsd: "386 amd64 arm",
  linux: "386 amd64 arm arm64 mips64 mips64le ppc64le riscv64 s390x",
  netbsd: "386 amd64 arm",
  openbsd: "386 amd64 arm",
  plan9: "386 amd64",
  solaris: "amd64",
  windows: "386 amd64",
};

export function isKnownPlatform({ os, architecture }: Platform): boolean {
  return Object.hasOwn(architectures, os) && (architectures[os] ?? "").split(" ").includes(architecture);
}
