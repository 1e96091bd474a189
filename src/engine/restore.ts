/** Bringing services back to where the last engine left them. */
import { readdirSync } from "node:fs";
import type { Containers } from "../containers/containers.ts";
import type { Images } from "../images/images.ts";
import { background } from "../lib/operation.ts";
import type { Networks } from "../networks/networks.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import type { Volumes } from "../volumes/volumes.ts";

/** The order matters: what runs is known before networks are reconciled, and restart policies come last. */
export async function restore(services: {
  containers: Containers;
  networks: Networks;
  images: Images;
  snapshots: Snapshotter;
  runtime: Runtime;
  volumes: Volumes;
  keepUnknown: boolean;
  toStop: boolean;
}): Promise<void> {
  await services.volumes.restore(background());
  const running = await services.containers.restore();
  await services.networks.restore(running);
  // Layers go after the references of writable layers that crashes left are gone.
  if (!services.toStop) await services.snapshots.sweep();
  if (!services.toStop && !services.keepUnknown) await services.images.sweep();
  await services.containers.resume();
}

/**
 * State databases that could not be read and were set aside. While one lies there, what no record knows may belong to it, and
 * nothing of that is swept.
 */
export function setAsideDatabases(dataRoot: string): string[] {
  return readdirSync(dataRoot).filter((name) => /^dhow\.db\.corrupt-\d+$/.test(name));
}

export function lostWarning(name: string): string {
  return `WARNING: the state database was unreadable and is set aside as ${name}; what it knew is kept on disk until that file is removed`;
}
