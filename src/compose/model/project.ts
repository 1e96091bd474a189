/**
 * A Compose application after loading: files merged, variables filled in, every short form written out, defaults applied and
 * references checked. Keys are the Compose specification's own, so that a value can be found in the file it came from; what
 * the files cannot say (directories, profiles) is in camelCase.
 *
 * Everywhere in the model: durations are nanoseconds, sizes are bytes, an absent field means "not said" (the engine's or the
 * image's own default holds), maps are keyed by the name that the file uses.
 */
import type { Config, Model, Network, Secret, Volume } from "./resources.ts";
import type { Service } from "./service.ts";

/** Keys that start with `x-`, as the file has them. */
export type Extensions = Readonly<Record<string, unknown>>;

export type Named<T> = Readonly<Record<string, T>>;

export interface Project {
  /** From `--project-name`, COMPOSE_PROJECT_NAME, the top `name:`, or the project directory's own name, in that order. */
  readonly name: string;
  /** Those whose profile is active; the others are in `disabledServices`. */
  readonly services: Named<Service>;
  /** With the implicit `default`, when a service joins it. Their `name` is the engine's, prefix included. */
  readonly networks: Named<Network>;
  readonly volumes: Named<Volume>;
  readonly secrets: Named<Secret>;
  readonly configs: Named<Config>;
  readonly models: Named<Model>;
  readonly extensions?: Extensions;

  /** Absolute: what relative paths of the first file stand against, and the label `com.docker.compose.project.working_dir`. */
  readonly workingDir: string;
  /** Absolute paths as given by -f, COMPOSE_FILE or the search, `-` for stdin; not the included ones. */
  readonly composeFiles: readonly string[];
  /** What interpolation saw: the shell's variables over those of the env files, and COMPOSE_PROJECT_NAME. */
  readonly environment: Readonly<Record<string, string>>;
  /** Services left out, by their profiles or by the choice of services on the command line. */
  readonly disabledServices: Named<Service>;
  readonly profiles: readonly string[];
}
