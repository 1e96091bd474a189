import { realpathSync } from "node:fs";
import { messageOf, systemError } from "../../lib/errors.ts";
import { AT_FDCWD } from "../../linux/file.ts";
import { tryLstatAt } from "../../linux/stat.ts";
import { mergeEnvironment } from "../spec/build.ts";
import { toDevice } from "../spec/devices.ts";
import type { OciDevice, OciHook, OciHooks, OciMount, OciSpec } from "../spec/oci.ts";
import type { ContainerEdits } from "./spec.ts";

type DeviceNode = NonNullable<ContainerEdits["deviceNodes"]>[number];

/** The bundle with the edits of CDI devices in it; what a node's specification leaves open is looked up on the host. */
export function applyCdiEdits(spec: OciSpec, edits: readonly ContainerEdits[]): OciSpec {
  return edits.reduce(applyOne, spec);
}

function applyOne(spec: OciSpec, edits: ContainerEdits): OciSpec {
  const { process, linux } = spec;
  const nodes = (edits.deviceNodes ?? []).map((node) => ({ node, device: deviceOf(node, process.user.uid) }));
  const paths = new Set(nodes.map(({ device }) => device.path));
  const rules = nodes.flatMap(({ node, device: { type, major, minor } }) =>
    type === "b" || type === "c" ? [{ allow: true, type, major, minor, access: node.permissions || "rwm" }] : [],
  );
  return {
    ...spec,
    process: {
      ...process,
      env: mergeEnvironment(process.env, edits.env ?? []),
      user: {
        ...process.user,
        additionalGids: [...new Set([...process.user.additionalGids, ...(edits.additionalGids ?? [])])],
      },
    },
    mounts: withMounts(spec.mounts, edits.mounts ?? []),
    ...(edits.hooks?.length ? { hooks: withHooks(spec.hooks ?? {}, edits.hooks) } : {}),
    linux: {
      ...linux,
      devices: [...linux.devices.filter(({ path }) => !paths.has(path)), ...nodes.map(({ device }) => device)],
      resources: { ...linux.resources, devices: [...linux.resources.devices, ...rules] },
    },
  };
}

/** A node belongs to the container's user unless it is said otherwise. */
function deviceOf(node: DeviceNode, uid: number): OciDevice {
  const { path, type, major, minor, fileMode } = node;
  const owner = { uid: node.uid ?? uid, gid: node.gid ?? 0 };
  if (type && (type === "p" || (major !== undefined && minor !== undefined))) {
    return { path, type, major: major ?? 0, minor: minor ?? 0, fileMode: fileMode ?? 0o666, ...owner };
  }
  const onHost = node.hostPath ?? path;
  let found: OciDevice | null;
  try {
    const stat = tryLstatAt(AT_FDCWD, realpathSync(onHost));
    found = stat && toDevice(stat, path);
  } catch (error) {
    throw systemError(`CDI device injection failed: ${messageOf(error)}`, { cause: error });
  }
  if (!found || (type && found.type !== type)) {
    throw systemError(`CDI device injection failed: ${onHost} is not a device node of type ${type || "b or c"}`);
  }
  return { ...found, ...(fileMode === undefined ? {} : { fileMode }), ...owner };
}

/** Mounts of the same place give way; the new ones come by depth after all that lie above them. */
function withMounts(before: readonly OciMount[], added: NonNullable<ContainerEdits["mounts"]>): OciMount[] {
  const places = new Set(added.map(({ containerPath }) => containerPath));
  const depth = ({ destination }: OciMount): number => destination.split("/").filter((part) => part !== "").length;
  const mounts = added.map(
    ({ hostPath, containerPath, type, options }): OciMount => ({
      destination: containerPath,
      source: hostPath,
      type: type || "bind",
      options: options ?? ["rbind", "rprivate"],
    }),
  );
  const all = before.filter(({ destination }) => !places.has(destination));
  for (const mount of mounts.sort((a, b) => depth(a) - depth(b))) {
    const below = all.findIndex(({ destination }) => destination.startsWith(`${mount.destination}/`));
    all.splice(below < 0 ? all.length : below, 0, mount);
  }
  return all;
}

function withHooks(before: OciHooks, added: NonNullable<ContainerEdits["hooks"]>): OciHooks {
  const hooks: Record<string, OciHook[]> = {};
  for (const [name, list] of Object.entries(before)) hooks[name] = [...list];
  for (const { hookName, ...hook } of added) hooks[hookName] = [...(hooks[hookName] ?? []), hook];
  return hooks;
}
