/** A service's `build` as the words of a `build` command line. */
import { isAbsolute, join } from "node:path";
import { imageOf } from "../../compose/create/container-body.ts";
import { labels } from "../../compose/labels.ts";
import type { Build } from "../../compose/model/build.ts";
import type { FileGrant } from "../../compose/model/grants.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";

export interface BuildOptions {
  readonly quiet?: boolean;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly memory?: number;
  /** `NAME[=value]`, over those of the file. */
  readonly args?: readonly string[];
  /** Further words, `--check` and the like. */
  readonly more?: readonly string[];
}

/** The words before the context; `dockerfile` is the path of an inline one. */
export function buildWords(
  project: Project,
  service: Service,
  build: Build,
  options: BuildOptions,
  dockerfile: string | null,
): string[] {
  const repeated = (flag: string, values: Iterable<string> | undefined): string[] =>
    [...(values ?? [])].map((value) => `--${flag}=${value}`);
  const single = (flag: string, value: string | number | undefined): string[] =>
    value === undefined || value === "" ? [] : [`--${flag}=${value}`];
  const pairs = (values: Readonly<Record<string, string | null>> = {}): string[] =>
    Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  const own = { [labels.project]: project.name, [labels.service]: service.name };
  const platforms = service.platform ? [service.platform] : (build.platforms ?? []);
  return [
    `--file=${dockerfile ?? dockerfilePath(build)}`,
    ...repeated("tag", [imageOf(project, service), ...(build.tags ?? [])]),
    ...repeated("build-arg", [...pairs(build.args), ...(options.args ?? [])]),
    ...repeated("label", pairs({ ...build.labels, ...own })),
    ...repeated("cache-from", build.cache_from),
    ...repeated("cache-to", build.cache_to),
    ...repeated("build-context", contextsOf(project, build)),
    ...repeated("add-host", hostsOf(build)),
    ...repeated("ulimit", ulimitsOf(build)),
    ...repeated(
      "secret",
      build.secrets?.map((grant) => secretOf(project, grant)),
    ),
    ...repeated(
      "ssh",
      build.ssh?.map(({ id, path }) => (path ? `${id}=${path}` : id)),
    ),
    ...repeated("allow", [...(build.entitlements ?? []), ...(build.privileged ? ["security.insecure"] : [])]),
    ...repeated("platform", platforms),
    ...single("target", build.target),
    ...single("network", build.network),
    ...single("shm-size", build.shm_size),
    ...single("provenance", build.provenance),
    ...single("sbom", build.sbom),
    ...single("memory", options.memory || undefined),
    ...(options.noCache || build.no_cache ? ["--no-cache"] : []),
    ...(options.pull || build.pull ? ["--pull"] : []),
    ...(options.more ?? []),
  ];
}

/** The services whose images this one's build takes from. */
export const basesOf = ({ build }: Service): string[] =>
  Object.values(build?.additional_contexts ?? {}).flatMap((context) => /^service:(.+)$/.exec(context)?.[1] ?? []);

function dockerfilePath({ context = "", dockerfile = "Dockerfile" }: Build): string {
  // In a repository or archive the name is the builder's business.
  return isAbsolute(dockerfile) || !isAbsolute(context) ? dockerfile : join(context, dockerfile);
}

function contextsOf(project: Project, { additional_contexts = {} }: Build): string[] {
  return Object.entries(additional_contexts).map(([name, context]) => {
    const other = /^service:(.+)$/.exec(context)?.[1];
    const service = other === undefined ? undefined : (project.services[other] ?? project.disabledServices[other]);
    return `${name}=${service ? `docker-image://${imageOf(project, service)}` : context}`;
  });
}

const hostsOf = ({ extra_hosts = {} }: Build): string[] =>
  Object.entries(extra_hosts).flatMap(([host, addresses]) => addresses.map((address) => `${host}:${address}`));

const ulimitsOf = ({ ulimits = {} }: Build): string[] =>
  Object.entries(ulimits).map(
    ([name, { single, soft, hard }]) => `${name}=${single ?? soft ?? 0}:${single ?? hard ?? 0}`,
  );

function secretOf(project: Project, { source, target }: FileGrant): string {
  const defined = project.secrets[source];
  if (!defined) throw new Error(`undefined secret ${JSON.stringify(source)}`);
  if (defined.external) throw new Error(`unsupported external secret ${defined.name ?? source}`);
  const from = defined.file ? `src=${defined.file}` : `env=${defined.environment ?? ""}`;
  return `id=${target || source},${from}`;
}
