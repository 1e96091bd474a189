import type { Ulimit } from "./devices.ts";
import type { FileGrant } from "./grants.ts";
import type { Extensions, Named } from "./project.ts";

/** How a service's image is made. */
export interface Build {
  /** An absolute path, or the URL of a repository or archive. */
  readonly context?: string;
  /** Relative to the context, or absolute; default `Dockerfile`. */
  readonly dockerfile?: string;
  readonly dockerfile_inline?: string;
  readonly entitlements?: readonly string[];
  /** Null: named without a value and unset in `Project.environment`. */
  readonly args?: Named<string | null>;
  readonly provenance?: string;
  readonly sbom?: string;
  readonly ssh?: readonly SshKey[];
  readonly labels?: Named<string>;
  readonly cache_from?: readonly string[];
  readonly cache_to?: readonly string[];
  readonly no_cache?: boolean;
  /** Absolute paths, URLs, `docker-image://REF` or `service:NAME`. */
  readonly additional_contexts?: Named<string>;
  readonly pull?: boolean;
  readonly extra_hosts?: Named<readonly string[]>;
  readonly isolation?: string;
  readonly network?: string;
  readonly target?: string;
  readonly secrets?: readonly FileGrant[];
  readonly shm_size?: number;
  readonly tags?: readonly string[];
  readonly ulimits?: Named<Ulimit>;
  readonly platforms?: readonly string[];
  readonly privileged?: boolean;
  readonly extensions?: Extensions;
}

/** Without a path, `default` is the agent at SSH_AUTH_SOCK. */
export interface SshKey {
  readonly id: string;
  readonly path?: string;
}
