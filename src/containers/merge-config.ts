import { ContainerConfig, type HealthConfig } from "../api/containers.ts";

/** The container's config with what its image says where the container says nothing. Neither input is changed. */
export function mergeImageConfig(own: ContainerConfig, image: ContainerConfig): ContainerConfig {
  const ownEntrypoint = own.Entrypoint !== null && own.Entrypoint.length > 0;
  const ownCmd = own.Cmd !== null && own.Cmd.length > 0;
  // An entrypoint of the user's own makes the image's command meaningless.
  const takesCmd = !ownEntrypoint && !ownCmd;
  return inOrder({
    ...own,
    User: own.User || image.User,
    Env: mergeEnv(own.Env, image.Env),
    Cmd: takesCmd ? image.Cmd : own.Cmd,
    Entrypoint: isReset(own.Entrypoint) ? null : (own.Entrypoint ?? image.Entrypoint),
    WorkingDir: own.WorkingDir || image.WorkingDir,
    Labels: sorted({ ...image.Labels, ...own.Labels }),
    ...(own.ExposedPorts || image.ExposedPorts
      ? { ExposedPorts: sorted({ ...image.ExposedPorts, ...own.ExposedPorts }) }
      : {}),
    Volumes: orNull(sorted({ ...image.Volumes, ...own.Volumes })),
    ...optional("StopSignal", own.StopSignal || image.StopSignal),
    ...optional("Healthcheck", mergeHealth(own.Healthcheck, image.Healthcheck)),
    ...optional("Shell", own.Shell ?? image.Shell),
    OnBuild: null,
  });
}

/** What is run: the entrypoint and the command after it; empty when neither says anything. */
export function commandOf(config: Pick<ContainerConfig, "Entrypoint" | "Cmd">): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** `--entrypoint ""` takes the image's entrypoint away. */
function isReset(entrypoint: string[] | null): boolean {
  return entrypoint?.length === 1 && entrypoint[0] === "";
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined || value === "" || value === 0 ? {} : { [key]: value }) as { [P in K]?: T };
}

/** The keys as inspect shows them. */
export function inOrder(config: ContainerConfig): ContainerConfig {
  const given = new Map(Object.entries(config));
  const known = Object.keys(ContainerConfig.entries).filter((key) => given.has(key));
  return Object.fromEntries(known.map((key) => [key, given.get(key)])) as ContainerConfig;
}

/** The keys in the order in which Go writes a map. */
export function sorted<V>(map: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function orNull<T extends object>(set: T): T | null {
  return Object.keys(set).length > 0 ? set : null;
}

function mergeEnv(own: string[] | null, image: string[] | null): string[] | null {
  if (!own?.length) return image;
  const names = new Set(own.map(nameOf));
  return [...own, ...(image ?? []).filter((entry) => !names.has(nameOf(entry)))];
}

function nameOf(entry: string): string {
  return entry.split("=", 1)[0] ?? entry;
}

function mergeHealth(own: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (!own && !image) return undefined;
  return {
    ...optional("Test", own?.Test?.length ? own.Test : image?.Test),
    ...optional("Interval", own?.Interval || image?.Interval),
    ...optional("Timeout", own?.Timeout || image?.Timeout),
    ...optional("StartPeriod", own?.StartPeriod || image?.StartPeriod),
    ...optional("StartInterval", own?.StartInterval || image?.StartInterval),
    ...optional("Retries", own?.Retries || image?.Retries),
    ...optional("OnFailure", own?.OnFailure),
  };
}
