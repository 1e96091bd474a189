/** What a registry reads of a manifest: what it refers to. All else is its owner's business, and is kept byte for byte. */
import * as v from "valibot";
import { type Digest, digestProblem, isDigest } from "../lib/digest.ts";
import { Failure } from "./failure.ts";

/** Most bytes of a manifest (distribution-spec: registries should take 4 MiB). */
export const maxManifestSize = 4 << 20;

const types = {
  image: ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"],
  index: ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"],
} as const;

const Descriptor = v.object({
  mediaType: v.optional(v.string(), ""),
  digest: v.custom<Digest>(isDigest, ({ input }) => digestProblem(input)),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});
const common = {
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  subject: v.optional(v.nullable(Descriptor)),
  annotations: v.optional(v.nullable(v.record(v.string(), v.string()))),
};
const ImageManifest = v.object({ ...common, config: Descriptor, layers: v.array(Descriptor) });
const Index = v.object({ ...common, manifests: v.array(Descriptor) });

export interface ParsedManifest {
  readonly mediaType: string;
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
  readonly subject: Digest | null;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>> | null;
}

const isForeign = ({ mediaType }: { mediaType: string }): boolean => /\.(?:nondistributable|foreign)\./.test(mediaType);

/** Parses a manifest or an index that was sent as `declared` ("" when nobody said). Throws `MANIFEST_INVALID` naming what is wrong. */
export function parseManifest(bytes: Uint8Array, declared: string): ParsedManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new Failure("MANIFEST_INVALID", error instanceof Error ? error.message : "not JSON");
  }
  const named = (value as { mediaType?: unknown } | null)?.mediaType;
  const own = typeof named === "string" ? named : "";
  const has = (key: string): boolean => typeof value === "object" && value !== null && key in value;
  const isIndex = has("manifests");
  if (isIndex && (has("layers") || has("config"))) throw new Failure("MANIFEST_INVALID", "both an index and an image");
  const mediaType = own || declared || (isIndex ? types.index[0] : types.image[0]);
  const known: readonly string[] = isIndex ? types.index : types.image;
  if (!known.includes(mediaType)) throw new Failure("MANIFEST_INVALID", `media type ${mediaType || "unknown"}`);
  if (declared !== "" && own !== "" && declared !== own) {
    throw new Failure("MANIFEST_INVALID", `media type ${own} was sent as ${declared}`);
  }
  if (isIndex) {
    const { manifests, ...rest } = check(Index, value);
    return {
      mediaType,
      blobs: [],
      manifests: manifests.map(({ digest }) => digest),
      ...about(rest, rest.artifactType ?? ""),
    };
  }
  const { config, layers, ...rest } = check(ImageManifest, value);
  const blobs = [config, ...layers.filter((layer) => !isForeign(layer))].map(({ digest }) => digest);
  return { mediaType, blobs, manifests: [], ...about(rest, rest.artifactType || config.mediaType) };
}

function about(
  { subject, annotations }: Pick<v.InferOutput<typeof Index>, "subject" | "annotations">,
  artifactType: string,
): Pick<ParsedManifest, "subject" | "annotations" | "artifactType"> {
  return { subject: subject?.digest ?? null, annotations: annotations ?? null, artifactType };
}

function check<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure("MANIFEST_INVALID", `${v.getDotPath(issue) ?? "manifest"}: ${issue.message}`);
}
