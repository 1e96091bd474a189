/** What a container shares with another one: network, processes, IPC objects. */
import { conflict, notFound } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";

const otherContainer = "container:";

/** The container whose network, names and files are shared by `--network container:REF`. */
export function networkOwner(ctx: Context, mode: string): Container | undefined {
  return mode.startsWith(otherContainer) ? ctx.index.find(mode.slice(otherContainer.length)) : undefined;
}

export function resolvedNetworkMode(ctx: Context, mode: string): string {
  if (!mode.startsWith(otherContainer)) return mode;
  const ref = mode.slice(otherContainer.length);
  const other = networkOwner(ctx, mode);
  if (!other) throw notFound(`joining network namespace of container: No such container: ${ref}`);
  if (!hasProcess(other.status)) {
    throw conflict(`cannot join network namespace of a non running container: container ${ref} is ${other.status}`);
  }
  return `${otherContainer}${other.id}`;
}

export function joinedNamespaces(
  ctx: Context,
  hostConfig: Container["record"]["hostConfig"],
): { pid?: string; ipc?: string } {
  const pid = joinedContainer(ctx, hostConfig.PidMode, "PID");
  const ipc = joinedContainer(ctx, hostConfig.IpcMode, "IPC");
  return {
    ...(pid ? { pid: `/proc/${pid.record.state.pid}/ns/pid` } : {}),
    ...(ipc ? { ipc: `/proc/${ipc.record.state.pid}/ns/ipc` } : {}),
  };
}

function joinedContainer(ctx: Context, mode: string, kind: "PID" | "IPC"): Container | undefined {
  if (!mode.startsWith(otherContainer)) return undefined;
  const other = ctx.index.get(mode.slice(otherContainer.length));
  if (!hasProcess(other.status)) {
    throw conflict(`failed to join ${kind} namespace: container ${other.id} is not running`);
  }
  if (kind === "IPC" && !ownsSharedMemory(other)) {
    throw conflict(
      `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return other;
}

export function ownsSharedMemory(container: Container): boolean {
  return container.record.hostConfig.IpcMode === "shareable";
}

/** The directory that is this container's /dev/shm when others may join it, or when it joins another's. */
export function sharedMemoryOf(ctx: Context, container: Container): string | null {
  const { hostConfig, id } = container.record;
  const other = joinedContainer(ctx, hostConfig.IpcMode, "IPC");
  if (other) return pathsOf(ctx, other.id).shm;
  if (!ownsSharedMemory(container)) return null;
  const { shm } = pathsOf(ctx, id);
  ctx.sharedMemory.mount(shm, Number(hostConfig.ShmSize));
  return shm;
}
