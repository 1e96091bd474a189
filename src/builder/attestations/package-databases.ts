/** Reading the databases of package managers, as texts: pure, and bounded by what is handed in. */

export type PackageSystem = "deb" | "apk" | "rpm" | "npm" | "pypi";

export interface FoundPackage {
  readonly system: PackageSystem;
  readonly name: string;
  readonly version: string;
  /** "" where the database does not say. */
  readonly architecture: string;
  /** As the database words it; "" where it does not say. */
  readonly license: string;
  /** Where it was read, inside the image. */
  readonly path: string;
}

/** `/var/lib/dpkg/status`, or one of distroless's `status.d`: those that are installed. */
export function readDpkg(text: string, path: string): FoundPackage[] {
  return paragraphs(text).flatMap((fields) => {
    const [name, version, status] = [fields.get("Package"), fields.get("Version"), fields.get("Status")];
    if (!name || !version || (status !== undefined && !status.endsWith(" installed"))) return [];
    return [{ system: "deb", name, version, architecture: fields.get("Architecture") ?? "", license: "", path }];
  });
}

/** `/lib/apk/db/installed`: one letter a field. */
export function readApk(text: string, path: string): FoundPackage[] {
  return paragraphs(text).flatMap((fields) => {
    const [name, version] = [fields.get("P"), fields.get("V")];
    if (!name || !version) return [];
    return [
      { system: "apk", name, version, architecture: fields.get("A") ?? "", license: fields.get("L") ?? "", path },
    ];
  });
}

/** `package.json` of an installed package. */
export function readPackageJson(text: string, path: string): FoundPackage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return []; // whatever it is, npm has not installed it
  }
  const { name, version, license } = (value ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof version !== "string" || name === "" || version === "") return [];
  const said = typeof license === "string" ? license : "";
  return [{ system: "npm", name, version, architecture: "", license: said, path }];
}

/** `METADATA` of a `dist-info`, or `PKG-INFO` of an `egg-info`: headers as of RFC 822, up to the first empty line. */
export function readPythonMetadata(text: string, path: string): FoundPackage[] {
  const [fields] = paragraphs(text);
  const [name, version] = [fields?.get("Name"), fields?.get("Version")];
  if (!name || !version) return [];
  const license = fields?.get("License-Expression") ?? fields?.get("License") ?? "";
  return [{ system: "pypi", name, version, architecture: "", license: license === "UNKNOWN" ? "" : license, path }];
}

/** `NAME=value` lines of os-release(5). */
export function readOsRelease(text: string): { readonly id: string; readonly version: string } {
  const value = (name: string): string => new RegExp(`^${name}=["']?([^"'\\n]*)["']?$`, "m").exec(text)?.[1] ?? "";
  return { id: value("ID"), version: value("VERSION_ID") };
}

/** Fields of each paragraph, without lines that go on. */
function paragraphs(text: string): Map<string, string>[] {
  return text.split(/\r?\n\r?\n+/).map((paragraph) => {
    const fields = new Map<string, string>();
    for (const line of paragraph.split(/\r?\n/)) {
      const at = line.indexOf(":");
      if (at <= 0 || line.startsWith(" ")) continue;
      const name = line.slice(0, at);
      if (!fields.has(name)) fields.set(name, line.slice(at + 1).trim());
    }
    return fields;
  });
}
