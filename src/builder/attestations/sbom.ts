/** What an image holds, as a document of SPDX 2.3 (spdx.github.io/spdx-spec/v2.3). */
import { createHash } from "node:crypto";
import { runHelper } from "../../helper/helper-process.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Statement } from "./attestation-manifest.ts";
import type { FoundPackage, PackageSystem } from "./package-databases.ts";
import type { ScanAnswer, ScanLine, ScanRequest } from "./scan-helper.ts";

/** Looks through the tree that is shown at `root`. */
export async function sbomOf(
  root: string,
  name: string,
  createdAt: Date,
  op: Operation,
): Promise<Pick<Statement, "predicateType" | "predicate" | "fileName">> {
  const packages: FoundPackage[] = [];
  const onLine = (line: unknown): void => {
    packages.push((line as ScanLine).package); // our own helper wrote it
  };
  const request: ScanRequest = { root };
  const answer = await runHelper<ScanAnswer>("scan-packages", request, null, op.signal, { onLine });
  return {
    predicateType: "https://spdx.dev/Document",
    predicate: spdxDocument(packages, answer, name, createdAt),
    fileName: "sbom.spdx.json",
  };
}

/** Equal packages give an equal document but for its time: in order, with ids of what they are. */
export function spdxDocument(
  packages: readonly FoundPackage[],
  { distribution, isCut }: ScanAnswer,
  name: string,
  createdAt: Date,
): object {
  const unique = [...new Map(packages.map((one) => [idOf(one), one])).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const identity = createHash("sha256")
    .update(JSON.stringify([name, unique.map(([id]) => id)]))
    .digest("hex");
  const about = "SPDXRef-DocumentRoot";
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `https://dhow.invalid/spdx/${identity}`,
    creationInfo: {
      created: `${createdAt.toISOString().slice(0, 19)}Z`,
      creators: ["Tool: dhow"],
      ...(isCut ? { comment: "The tree was too large to be looked through to its end." } : {}),
    },
    packages: [
      { ...bare(about, name), primaryPackagePurpose: "CONTAINER" },
      ...unique.map(([id, one]) => spdxPackage(id, one, distribution)),
    ],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: about },
      ...unique.map(([id]) => ({ spdxElementId: about, relationshipType: "CONTAINS", relatedSpdxElement: id })),
    ],
  };
}

const bare = (SPDXID: string, name: string) => ({
  SPDXID,
  name,
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
});

function spdxPackage(id: string, one: FoundPackage, distribution: ScanAnswer["distribution"]): object {
  return {
    ...bare(id, one.name),
    versionInfo: one.version,
    sourceInfo: `read in ${one.path}`,
    // An expression of SPDX, which is all that the field may hold; others' own words stay out of it.
    ...(/^[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*$/.test(one.license)
      ? { licenseDeclared: one.license }
      : {}),
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: purlOf(one, distribution),
      },
    ],
  };
}

function idOf({ system, name, version, architecture, path }: FoundPackage): string {
  const text = JSON.stringify([system, name, version, architecture, system === "npm" || system === "pypi" ? path : ""]);
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `SPDXRef-Package-${system}-${name.replace(/[^A-Za-z0-9.-]/g, "-")}-${hash}`;
}

const ofDistributions: ReadonlySet<PackageSystem> = new Set(["deb", "apk", "rpm"]);

/** As github.com/package-url/purl-spec has it. */
function purlOf(
  { system, name, version, architecture }: FoundPackage,
  { id, version: release }: ScanAnswer["distribution"],
): string {
  const part = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2F", "/");
  const isOfSystem = ofDistributions.has(system);
  const space = isOfSystem && id !== "" ? `${part(id)}/` : "";
  const query = new URLSearchParams();
  // Of a package of RPM the epoch stands apart.
  const [, epoch, rest = version] = system === "rpm" ? (/^(\d+):(.*)$/.exec(version) ?? []) : [];
  if (epoch !== undefined) query.set("epoch", epoch);
  if (architecture !== "") query.set("arch", architecture);
  if (isOfSystem && id !== "") query.set("distro", release === "" ? id : `${id}-${release}`);
  const shown = system === "pypi" ? name.toLowerCase().replaceAll("_", "-") : name;
  return `pkg:${system}/${space}${part(shown)}@${part(rest)}${query.size > 0 ? `?${query}` : ""}`;
}
