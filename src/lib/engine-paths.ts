import { join } from "node:path";

/**
 * Where one engine keeps things: `dataRoot` outlives a reboot, `execRoot` does not need to. Two engines never share
 * either.
 */
export interface EnginePaths {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly database: string;
  readonly content: string;
  readonly snapshots: string;
  readonly volumes: string;
  readonly containers: string;
  readonly seccomp: string;
  readonly events: string;
  readonly trash: string;
  /** Contexts of builds, and the directories of cache mounts. */
  readonly build: string;
  readonly bundles: string;
  readonly rootfs: string;
  readonly netns: string;
  readonly supervisorSocket: string;
  readonly netdSocket: string;
}

/** The layout below the two roots. */
export function enginePaths(dataRoot: string, execRoot: string): EnginePaths {
  return {
    dataRoot,
    execRoot,
    database: join(dataRoot, "dhow.db"),
    content: join(dataRoot, "content"),
    snapshots: join(dataRoot, "overlay"),
    volumes: join(dataRoot, "volumes"),
    containers: join(dataRoot, "containers"),
    seccomp: join(dataRoot, "seccomp"),
    events: join(dataRoot, "events"),
    trash: join(dataRoot, "trash"),
    build: join(dataRoot, "build"),
    bundles: join(execRoot, "containers"),
    rootfs: join(execRoot, "rootfs"),
    netns: join(execRoot, "netns"),
    supervisorSocket: join(execRoot, "supervisor.sock"),
    netdSocket: join(execRoot, "netd.sock"),
  };
}
