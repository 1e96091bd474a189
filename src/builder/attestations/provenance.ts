/**
 * Where an image comes from, as a SLSA predicate in the words of BuildKit's own (docs/attestations/slsa-definitions.md of
 * moby/buildkit). What secrets hold is nowhere in it; their ids, build arguments and labels are in `max` only.
 */
import { createHash, randomUUID } from "node:crypto";
import { formatPlatform, hostPlatform, type Platform } from "../../lib/platform.ts";
import { parseReference } from "../../lib/reference.ts";
import { withoutCredentials } from "../../lib/url-credentials.ts";
import type { BuildRequest } from "../builder.ts";
import type { ImageBase } from "../collaborators.ts";
import { keyText } from "../dockerfile/plan/key.ts";
import type { BuildPlan, CopySource, Step } from "../dockerfile/plan/plan.ts";
import { readLayoutReference } from "../sources/layouts.ts";
import { packageUrl, type Statement } from "./attestation-manifest.ts";
import type { WantedProvenance } from "./wanted.ts";

/** What is known of a build for one platform once it is done. */
export interface Provenance {
  readonly request: BuildRequest;
  readonly plan: BuildPlan;
  /** Of a git or http context, its address; null for files that the client sent. */
  readonly contextAddress: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  base(reference: string, platform: Platform): ImageBase;
}

interface Material {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

const buildType = "https://mobyproject.org/buildkit@v1";
const buildTypeV1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const metadataKey = "https://mobyproject.org/buildkit@v1#metadata";

export function provenanceOf(
  wanted: WantedProvenance,
  built: Provenance,
): Pick<Statement, "predicateType" | "predicate" | "fileName"> {
  const isV1 = wanted.version === "v1";
  return {
    predicateType: `https://slsa.dev/provenance/${isV1 ? "v1" : "v0.2"}`,
    predicate: isV1 ? predicateV1(wanted, built) : predicateV02(wanted, built),
    fileName: "provenance.json",
  };
}

/** What goes into the file of `--metadata-file`: without times and numbers of its own, and with all that the client has said. */
export function provenanceSummary(wanted: WantedProvenance, built: Provenance): object {
  const { builder, buildType: type, materials, invocation } = predicateV02({ ...wanted, mode: "max" }, built);
  return { builder, buildType: type, materials, invocation };
}

function predicateV02(wanted: WantedProvenance, built: Provenance) {
  const { plan, contextAddress } = built;
  const isMax = wanted.mode === "max";
  return {
    builder: { id: wanted.builderId },
    buildType,
    materials: materialsOf(plan, built),
    invocation: {
      configSource: configSource(built),
      parameters: parametersOf(built, isMax),
      environment: { platform: formatPlatform(hostPlatform()) },
    },
    ...(isMax ? { buildConfig: { llbDefinition: definitionOf(plan) } } : {}),
    metadata: {
      buildInvocationID: randomUUID().replaceAll("-", ""),
      buildStartedOn: built.startedAt.toISOString(),
      buildFinishedOn: built.finishedAt.toISOString(),
      completeness: { parameters: isMax, environment: true, materials: contextAddress !== null },
      reproducible: wanted.isReproducible,
      [metadataKey]: {},
    },
  };
}

function predicateV1(wanted: WantedProvenance, built: Provenance): object {
  const { request, plan, contextAddress } = built;
  const isMax = wanted.mode === "max";
  return {
    buildDefinition: {
      buildType: buildTypeV1,
      externalParameters: {
        configSource: { ...configSource(built), path: request.dockerfile },
        request: parametersOf(built, isMax),
      },
      internalParameters: {
        builderPlatform: formatPlatform(hostPlatform()),
        ...(isMax ? { buildConfig: { llbDefinition: definitionOf(plan) } } : {}),
      },
      resolvedDependencies: materialsOf(plan, built),
    },
    runDetails: {
      builder: { id: wanted.builderId },
      metadata: {
        invocationID: randomUUID().replaceAll("-", ""),
        startedOn: built.startedAt.toISOString(),
        finishedOn: built.finishedAt.toISOString(),
        buildkit_completeness: { request: isMax, resolvedDependencies: contextAddress !== null },
        buildkit_reproducible: wanted.isReproducible,
        buildkit_metadata: {},
      },
    },
  };
}

function configSource({ request, contextAddress }: Provenance): Record<string, unknown> {
  const { dockerfile } = request;
  return contextAddress === null
    ? { entryPoint: dockerfile }
    : { uri: withoutCredentials(contextAddress), entryPoint: dockerfile };
}

/** As the frontend's options are called. */
function parametersOf({ request, plan, contextAddress }: Provenance, isMax: boolean): Record<string, unknown> {
  const args: Record<string, string> = {};
  if (request.target !== "") args.target = request.target;
  if (request.dockerfile !== "Dockerfile") args.filename = request.dockerfile;
  if (request.platform !== "") args.platform = request.platform;
  if (request.noCache) args["no-cache"] = "";
  if (request.networkMode !== "default") args["force-network-mode"] = request.networkMode;
  if (isMax) {
    for (const [name, value] of Object.entries(request.buildArgs)) {
      if (value !== null) args[`build-arg:${name}`] = withoutCredentials(value);
    }
    for (const [name, value] of Object.entries(request.labels)) args[`label:${name}`] = value;
    for (const [name, value] of request.namedContexts) args[`context:${name}`] = withoutCredentials(value);
  }
  return {
    frontend: "dockerfile.v0",
    args,
    ...(isMax ? askedOf(plan) : {}),
    ...(contextAddress === null ? { locals: [{ name: "context" }, { name: "dockerfile" }] } : {}),
  };
}

/** The secrets and agents that the file asks for: nothing of what they are. */
function askedOf({ outline }: BuildPlan): Record<string, object[]> {
  const list = (mounts: BuildPlan["outline"]["secrets"]): object[] =>
    mounts.map(({ name, isRequired }) => ({ id: name, ...(isRequired ? {} : { optional: true }) }));
  return {
    ...(outline.secrets.length > 0 ? { secrets: list(outline.secrets) } : {}),
    ...(outline.ssh.length > 0 ? { ssh: list(outline.ssh) } : {}),
  };
}

/** Everything that the stages took from outside, each once. */
function materialsOf(plan: BuildPlan, built: Provenance): Material[] {
  const found = new Map<string, Material>();
  const add = (material: Material): void => {
    if (!found.has(material.uri)) found.set(material.uri, material);
  };
  const addImage = (reference: string, platform: Platform): void => {
    const layout = readLayoutReference(reference);
    if (layout !== null) {
      const sha256 = layout.digest.slice("sha256:".length);
      add({ uri: `pkg:oci/${encodeURIComponent(layout.name)}@${layout.digest}`, digest: { sha256 } });
      return;
    }
    const pinned = parseReference(reference).digest;
    const digest = pinned ?? built.base(reference, platform).id;
    add({ uri: packageUrl(reference, platform), digest: { sha256: digest.slice("sha256:".length) } });
  };
  for (const stage of plan.stages) {
    if (stage.base.from === "image") addImage(stage.base.reference, stage.base.platform);
    for (const { work } of stage.steps) {
      for (const input of inputsIn(work)) if (input.from === "image") addImage(input.reference, input.platform);
      if (work?.kind === "copy") for (const source of work.sources) addSource(source, add);
    }
  }
  return [...found.values()];
}

type Work = Step["work"];

function inputsIn(work: Work) {
  if (work?.kind === "copy") return work.sources.flatMap((source) => (source.kind === "files" ? [source.input] : []));
  if (work?.kind === "run") return work.mounts.flatMap((mount) => ("input" in mount ? [mount.input] : []));
  return [];
}

function addSource(source: CopySource, add: (material: Material) => void): void {
  if (source.kind === "http") {
    const digest: Record<string, string> = {};
    if (source.checksum !== null) digest.sha256 = source.checksum.replace(/^sha256:/, "");
    add({ uri: withoutCredentials(source.url), digest });
  } else if (source.kind === "git") {
    const at = source.ref === "" ? "" : `#${source.ref}`;
    add({
      uri: `${withoutCredentials(source.remote)}${at}`,
      digest: source.checksum === null ? {} : { sha1: source.checksum },
    });
  }
}

/** The steps as data, each with its inputs; what LLB is to BuildKit. */
function definitionOf(plan: BuildPlan): object[] {
  return plan.stages.flatMap((stage) =>
    stage.steps.flatMap(({ work, label }, i) =>
      work === null
        ? []
        : [
            {
              id: `stage${stage.index}:step${i}`,
              op: { kind: work.kind, digest: `sha256:${createHash("sha256").update(keyText(work)).digest("hex")}` },
              name: label,
            },
          ],
    ),
  );
}
