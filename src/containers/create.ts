import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import type { ContainerConfig, ContainerCreateRequest, ContainerCreateResponse } from "../api/containers.ts";
import type { HostConfig } from "../api/host-config.ts";
import { invalidArgument, isKind, messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { parseBytes } from "../lib/units.ts";
import { checkConflicts } from "../runtime/spec/conflicts.ts";
import { UniqueConflict } from "../state/record-store.ts";
import { volumesFromSource } from "../volumes/plan.ts";
import type { VolumeClaim } from "../volumes/volumes.ts";
import { checkPlatform, checkRequest, completeHostConfig, endpointsOf } from "./check-request.ts";
import type { ResolvedImage } from "./collaborators.ts";
import { Container } from "./container.ts";
import { nameConflict } from "./container-index.ts";
import { type Context, durabilityOf, emit, pathsOf } from "./context.ts";
import { resolveLinks } from "./links.ts";
import { commandOf, mergeImageConfig } from "./merge-config.ts";
import { checkName, generateName } from "./names.ts";
import { type ContainerRecord, freshState } from "./record.ts";
import { discardSecrets, type SecretValue, storeSecrets, takeSecrets, withoutData } from "./secrets.ts";
import { timestamp } from "./timestamps.ts";

export interface CreateOptions {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
}

/**
 * Makes a container that is not started. One FULL commit holds its record, its new volumes and the intent; the
 * directories follow, and the intent goes with a NORMAL one. After a crash in between, the create is finished.
 */
export async function createContainer(
  ctx: Context,
  request: ContainerCreateRequest,
  options: CreateOptions,
  op: Operation,
): Promise<ContainerCreateResponse> {
  const wantedName = options.name ? checkName(options.name) : undefined;
  const image = ctx.images.resolve(request.Image);
  checkPlatform(options.platform, request.Image, image);
  checkConflicts(request);
  const { HostConfig: wantedHost, NetworkingConfig: _, ...wantedConfig } = request;
  const runtime = ctx.bundles.runtimeName(wantedHost.Runtime || undefined);
  const completeHost = completeHostConfig(wantedHost, ctx.config, runtime);
  const id = randomBytes(32).toString("hex");
  const config = completeConfig(mergeImageConfig(wantedConfig, image.config), completeHost.NetworkMode, id);
  checkRequest(config, completeHost);
  const secrets = takeSecrets(completeHost.Secrets);
  const { warnings, discarded } = ctx.bundles.validate({ ...request, ...config, HostConfig: completeHost });
  const hostConfig = { ...completeHost, ...discarded };
  const endpoints = endpointsOf(request, hostConfig.NetworkMode);
  const links = resolveLinks(ctx, hostConfig);
  checkNetworks(ctx, hostConfig, endpoints);
  checkJoined(ctx, hostConfig);
  const identity = identityOf(config);
  const name = wantedName ?? generateName((candidate) => ctx.index.isTaken(candidate));
  ctx.index.reserve(name, id);
  try {
    const claim = await op.timings.measure("volumes", () =>
      ctx.volumes.resolve(id, mountConfigOf(ctx, config, hostConfig, image), op),
    );
    const record: ContainerRecord = {
      ...identity,
      id,
      name,
      created: timestamp(),
      config,
      hostConfig: { ...hostConfig, Links: null, ...(secrets.length > 0 && { Secrets: secrets.map(withoutData) }) },
      endpoints,
      ...(links.length > 0 ? { links } : {}),
      image: image.id,
      imageDescriptor: image.descriptor ?? null,
      chainId: image.chainId,
      driver: ctx.snapshots.name,
      mounts: claim.mounts,
      runtime,
      apparmorProfile: "",
      restartCount: 0,
      manuallyStopped: false,
      state: freshState,
    };
    const container = await build(ctx, record, claim, secrets, op);
    ctx.index.add(container);
    emit(ctx, container, "create");
  } catch (error) {
    ctx.index.release(name, id);
    throw error;
  }
  const ports =
    hostConfig.NetworkMode === "host" && Object.keys(hostConfig.PortBindings).length > 0
      ? ["Published ports are discarded when using host network mode"]
      : [];
  return { Id: id, Warnings: [...ports, ...warnings] };
}

/** Commits the record and makes what belongs to it; on failure nothing of either is left. */
async function build(
  ctx: Context,
  record: ContainerRecord,
  claim: VolumeClaim,
  secrets: readonly SecretValue[],
  op: Operation,
): Promise<Container> {
  const intent = await commitRecord(ctx, record, claim, secrets, op);
  try {
    failPoint("containers.create.recorded");
    await op.timings.measure("prepare", () => makeFiles(ctx, record));
    await populateVolumes(ctx, record, op);
    failPoint("containers.create.prepared");
    ctx.db.transaction("normal", (tx) => ctx.intents.finish(tx, intent));
  } catch (error) {
    await discardFiles(ctx, record).catch((left) => ctx.log(`container ${record.id}: taking back: ${messageOf(left)}`));
    await ctx.volumes.abandon(record.id, record.mounts);
    ctx.db.settle((tx) => {
      ctx.records.delete(tx, record.id);
      ctx.intents.finish(tx, intent);
    });
    throw error;
  }
  return new Container(record);
}

/** Secrets come first: a create that a crash interrupts is finished from the record, which does not have them. */
async function commitRecord(
  ctx: Context,
  record: ContainerRecord,
  claim: VolumeClaim,
  secrets: readonly SecretValue[],
  op: Operation,
): Promise<number> {
  try {
    if (secrets.length > 0) {
      storeSecrets(ctx, record, secrets);
      failPoint("containers.create.secrets");
    }
    return op.timings.measureSync("commit", () =>
      ctx.db.transaction(durabilityOf(record), (tx) => {
        ctx.records.insert(tx, record.id, record);
        claim.commit(tx);
        return ctx.intents.begin(tx, {
          operation: "containers.create",
          subject: record.id,
          effects: ["snapshot", "directory"],
        });
      }),
    );
  } catch (error) {
    if (secrets.length > 0) discardSecrets(ctx, record.id);
    await claim.rollback();
    if (error instanceof UniqueConflict && error.column === "name") throw nameConflict(record.name, error.holder);
    throw error;
  }
}

/** The writable layer and the container's directory. May be repeated: what exists is left alone. */
export async function makeFiles(ctx: Context, record: ContainerRecord): Promise<void> {
  mkdirSync(pathsOf(ctx, record.id).dir, { recursive: true, mode: 0o710 });
  if (ctx.snapshots.hasKey(record.id)) return;
  const size = record.hostConfig.StorageOpt?.size;
  await ctx.snapshots.prepare(record.id, record.chainId, {
    ephemeral: record.hostConfig.AutoRemove,
    ...(size ? { sizeLimit: parseBytes(size) } : {}),
  });
}

/** Takes back what {@link makeFiles} made. */
export async function discardFiles(ctx: Context, record: ContainerRecord): Promise<void> {
  const paths = pathsOf(ctx, record.id);
  // At once, not when the trash is emptied.
  discardSecrets(ctx, record.id);
  await ctx.snapshots.unmount(paths.rootfs);
  await ctx.snapshots.remove(record.id);
  ctx.discard(paths.dir);
}

/**
 * New volumes get what the image has at their place; the root is mounted for this only where there are such. May be
 * repeated: volumes know what they have.
 */
export async function populateVolumes(ctx: Context, record: ContainerRecord, op: Operation): Promise<void> {
  if (!record.mounts.some((mount) => mount.copyUp)) return;
  const { rootfs } = pathsOf(ctx, record.id);
  await op.timings.measure("populate", async () => {
    await ctx.snapshots.mount(record.id, rootfs);
    try {
      await ctx.volumes.populate(record.mounts, rootfs, op);
    } finally {
      await ctx.snapshots.unmount(rootfs);
    }
  });
}

/** Refuses what no network could ever grant; a network that is not there yet is the start's matter. */
function checkNetworks(ctx: Context, hostConfig: HostConfig, endpoints: ContainerRecord["endpoints"]): void {
  const { NetworkMode, PortBindings } = hostConfig;
  if (NetworkMode.startsWith("container:")) return;
  try {
    ctx.networks.validate({ networkMode: NetworkMode, endpoints, portBindings: PortBindings });
  } catch (error) {
    if (isKind(error, "invalidArgument")) throw error;
  }
}

/** The containers whose namespaces or mounts are wanted must be there when the container is made. */
function checkJoined(ctx: Context, hostConfig: HostConfig): void {
  const { PidMode, IpcMode, VolumesFrom } = hostConfig;
  const joined = [PidMode, IpcMode].filter((mode) => mode.startsWith("container:"));
  const refs = [
    ...joined.map((mode) => mode.slice("container:".length)),
    ...(VolumesFrom ?? []).map((entry) => volumesFromSource(entry)),
  ];
  for (const ref of refs) {
    if (ref !== "" && !ctx.index.find(ref)) throw invalidArgument(`No such container: ${ref}`);
  }
}

function completeConfig(config: ContainerConfig, networkMode: string, id: string): ContainerConfig {
  if (config.Hostname !== "" || networkMode.startsWith("container:")) return config;
  return { ...config, Hostname: networkMode === "host" ? hostname() : id.slice(0, 12) };
}

function identityOf(config: ContainerConfig): { path: string; args: string[] } {
  const [path, ...args] = commandOf(config);
  if (path === undefined) throw invalidArgument("no command specified");
  return { path, args };
}

function mountConfigOf(
  ctx: Context,
  config: ContainerConfig,
  hostConfig: HostConfig,
  image: ResolvedImage,
): Parameters<Context["volumes"]["resolve"]>[1] {
  return {
    binds: hostConfig.Binds ?? [],
    mounts: hostConfig.Mounts ?? [],
    tmpfs: hostConfig.Tmpfs ?? {},
    volumes: [...new Set([...Object.keys(config.Volumes ?? {}), ...Object.keys(image.config.Volumes ?? {})])],
    volumesFrom: hostConfig.VolumesFrom ?? [],
    volumeDriver: hostConfig.VolumeDriver,
    imageId: (ref) => ctx.images.resolve(ref).id,
    mountsOf: (ref) => ctx.index.get(ref).record.mounts,
  };
}
