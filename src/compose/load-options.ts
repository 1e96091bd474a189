/** What `loadProject` needs to know besides the files. */
import type { FetchRemote } from "./loader/remote.ts";

export interface LoadOptions {
  /** The client's working directory, absolute. */
  readonly cwd: string;
  /** The client's environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** -f, in order; `-` is stdin. None: COMPOSE_FILE, else compose.yaml and its kin in `cwd` or above. */
  readonly files?: readonly string[];
  /** --project-name. */
  readonly projectName?: string;
  /** --project-directory. Default: the directory of the first file. */
  readonly projectDirectory?: string;
  /** --profile; none: COMPOSE_PROFILES. */
  readonly profiles?: readonly string[];
  /** --env-file; none: COMPOSE_ENV_FILES, else `.env` beside the project. */
  readonly envFiles?: readonly string[];
  /** Only these services and what they depend on; their profiles become active. None: all that are enabled. */
  readonly services?: readonly string[];
  /** Keep networks, volumes, secrets and configs that no service uses (--all-resources); default false. */
  readonly allResources?: boolean;
  /** Leave the dependencies of `services` out (--no-deps); default false. */
  readonly withoutDependencies?: boolean;
  /** Read the services' env files into `environment`, and drop `env_file`; default true. */
  readonly resolveEnvironment?: boolean;
  /** Each default true; false for the flags of `config` that say so. */
  readonly interpolate?: boolean;
  readonly normalize?: boolean;
  readonly resolvePaths?: boolean;
  readonly consistency?: boolean;
  /** Brings files of other machines here; without it they are refused. */
  readonly fetchRemote?: FetchRemote;
  /** Needed when one of `files` is `-`. */
  readonly readStdin?: () => Promise<string>;
  /** Called once for each thing that is odd but no error, such as a variable that is not set; the text has no level or prefix. */
  readonly warn?: (message: string) => void;
}
