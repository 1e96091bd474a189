/** The manifest under which a project's files lie in a registry: docker/compose `internal/oci/push.go` as of 2.40. */
import type { OCIDescriptor } from "../../../api/images.ts";
import { composeVersion } from "../../../compose/labels.ts";
import type { PublishedFile } from "../../../compose/publish/files.ts";
import { digestOf } from "../../../lib/digest.ts";
import { ociImage } from "../../../registry/media-types.ts";

import { annotations, emptyConfigType, envFileType, fileType, projectType } from "./media-types.ts";

/** The release of the OCI image specification: only 1.1 has types for artifacts. */
export type OciVersion = "1.0" | "1.1";

export interface Artifact {
  /** The manifest's text. */
  readonly text: string;
  readonly mediaType: string;
  /** "" with OCI 1.0. */
  readonly artifactType: string;
  /** What has to be there before the manifest: the configuration and the files. */
  readonly blobs: readonly Uint8Array[];
}

const emptyConfig = Buffer.from("{}");

/** `created` is the time that the manifest tells, RFC 3339. */
export function projectArtifact(files: readonly PublishedFile[], version: OciVersion, created: string): Artifact {
  const contents = files.map(({ text }) => Buffer.from(text));
  const isTyped = version === "1.1";
  const artifactType = isTyped ? projectType : "";
  const manifest = {
    schemaVersion: 2,
    mediaType: ociImage,
    ...(isTyped && { artifactType }),
    config: isTyped ? emptyDescriptor : untypedConfig,
    layers: files.map((file, i) => descriptorOf(file, contents[i]!)),
    annotations: { "org.opencontainers.image.created": created },
  };
  return { text: JSON.stringify(manifest), mediaType: ociImage, artifactType, blobs: [emptyConfig, ...contents] };
}

const emptyDescriptor: OCIDescriptor = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: digestOf(emptyConfig),
  size: emptyConfig.length,
  data: emptyConfig.toString("base64"),
};

const untypedConfig: OCIDescriptor = {
  mediaType: emptyConfigType,
  digest: digestOf(emptyConfig),
  size: emptyConfig.length,
  data: emptyConfig.toString("base64"),
};

function descriptorOf({ kind, name }: PublishedFile, content: Buffer): OCIDescriptor {
  const isEnv = kind === "env";
  return {
    mediaType: isEnv ? envFileType : fileType,
    digest: digestOf(content),
    size: content.length,
    annotations: {
      ...(kind === "extended" && { [annotations.extends]: "true" }),
      ...(isEnv ? { [annotations.envFile]: name } : { [annotations.file]: name }),
      [annotations.version]: composeVersion,
    },
    data: content.toString("base64"),
  };
}
