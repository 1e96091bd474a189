/** How a Compose project lies in a registry: docker/compose `internal/oci` as of 2.40. */

/** The artifact's type. */
export const projectType = "application/vnd.docker.compose.project";
/** A layer that is a Compose file. */
export const fileType = "application/vnd.docker.compose.file+yaml";
/** A layer that is a file of variables. */
export const envFileType = "application/vnd.docker.compose.envfile";
/** The empty configuration where the manifest cannot tell the artifact's type (OCI 1.0). */
export const emptyConfigType = "application/vnd.docker.compose.config.empty.v1+json";

export const annotations = {
  version: "com.docker.compose.version",
  /** A Compose file's name. */
  file: "com.docker.compose.file",
  envFile: "com.docker.compose.envfile",
  /** Marks a Compose file that others extend, and that is no part of the project itself. */
  extends: "com.docker.compose.extends",
} as const;
