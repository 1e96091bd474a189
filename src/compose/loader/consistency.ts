/** Whether the parts of a project fit together. */
import { suggest } from "../../lib/suggest.ts";
import type { Project } from "../model/project.ts";
import { type Service, scaleOf } from "../model/service.ts";
import type { Problems } from "../problems.ts";
import { scheduleComplaints } from "../schedule.ts";
import { type At, asMapping, child, keyPlace, type Node } from "../yaml/node.ts";
import { dependencyCycles } from "./cycles.ts";

const invalid = "invalid compose project";
const quote = (text: string): string => JSON.stringify(text);

/** What is told about a service: the keys below it that the complaint is about, and the words. */
type Complaint = readonly [keys: readonly string[], words: string];

export interface Consistency {
  readonly project: Project;
  readonly root: Node;
  readonly problems: Problems;
  /** What was wrong already, so that nothing is told about its absence. */
  readonly dropped: ReadonlySet<string>;
}

export function checkConsistency(look: Consistency): void {
  for (const service of Object.values(look.project.services)) {
    for (const [keys, words] of complaints(service, look)) {
      const path = ["services", service.name, ...keys];
      look.problems.add(placeOf(look.root, path), path.join("."), words);
    }
  }
  for (const cycle of dependencyCycles(look.project.services)) {
    const path = ["services", cycle[0]!, "depends_on", cycle[1] ?? cycle[0]!];
    look.problems.add(placeOf(look.root, path), path.join("."), `dependency cycle detected: ${cycle.join(" -> ")}`);
  }
}

/** The place of a key, or of the nearest one above it that a file has. */
function placeOf(root: Node, path: readonly string[]): At {
  for (let length = path.length; length > 0; length--) {
    const parent = child(root, ...path.slice(0, length - 1));
    const key = path[length - 1]!;
    const mapping = asMapping(parent);
    const item = parent?.kind === "sequence" ? parent.items[Number(key)] : mapping?.entries.get(key);
    const at = item && (mapping ? keyPlace(mapping, key) : item.at);
    if (at && at.line > 0) return at;
  }
  return root.at;
}

function complaints(service: Service, look: Consistency): Complaint[] {
  const isBroken = [...look.dropped].some((path) => path === `services.${service.name}`);
  if (isBroken) return [];
  return [
    ...imageComplaints(service, look),
    ...buildComplaints(service, look.project),
    ...referenceComplaints(service, look),
    ...dependencyComplaints(service, look),
    ...scaleComplaints(service),
    ...resourceComplaints(service),
    ...otherComplaints(service),
    ...mountComplaints(service),
    ...scheduleComplaints(service, look.project),
  ];
}

const origins = ["image", "build", "provider", "extends"];

function imageComplaints(service: Service, { dropped }: Consistency): Complaint[] {
  if (service.build || service.image || service.provider) return [];
  const prefix = `services.${service.name}.`;
  const wrong = [...dropped].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  // It has one, which is wrong in a way that has been told.
  if (wrong.some((key) => origins.includes(key) || suggest(key, origins) !== null)) return [];
  return [[[], `service ${quote(service.name)} has neither an image nor a build context specified: ${invalid}`]];
}

function buildComplaints({ name, build, platform }: Service, project: Project): Complaint[] {
  if (!build) return [];
  const found: Complaint[] = [];
  if (build.dockerfile_inline && build.dockerfile) {
    const words = `service ${quote(name)} declares mutualy exclusive dockerfile and dockerfile_inline: ${invalid}`;
    found.push([["build", "dockerfile_inline"], words]);
  }
  for (const [key, context] of Object.entries(build.additional_contexts ?? {})) {
    const target = /^service:(.*)$/s.exec(context)?.[1];
    if (target === undefined || project.services[target]?.build) continue;
    const kind = project.services[target] ? "non-buildable" : "unknown";
    const words = `service ${quote(name)} declares ${kind} service ${quote(target)} as additional contexts ${key}`;
    found.push([["build", "additional_contexts", key], words]);
  }
  if (build.platforms && platform && !build.platforms.includes(platform)) {
    found.push([
      ["build", "platforms"],
      `service.build.platforms MUST include service.platform ${quote(platform)}: ${invalid}`,
    ]);
  }
  return found;
}

function referenceComplaints(service: Service, { project, dropped }: Consistency): Complaint[] {
  const found: Complaint[] = [];
  const need = (section: keyof Project, kind: string, key: string, keys: readonly string[]): void => {
    const isKnown = Object.hasOwn(project[section] as object, key);
    // What could not be included may have brought it.
    const wasDropped = [...dropped].some(
      (path) => [section, `${section}.${key}`].includes(path) || path.startsWith("include."),
    );
    if (isKnown || wasDropped) return;
    found.push([keys, `service ${quote(service.name)} refers to undefined ${kind} ${key}: ${invalid}`]);
  };
  for (const key of Object.keys(service.networks ?? {})) need("networks", "network", key, ["networks", key]);
  for (const [i, mount] of (service.volumes ?? []).entries()) {
    if (mount.type === "volume" && mount.source) need("volumes", "volume", mount.source, ["volumes", String(i)]);
  }
  for (const [i, { source }] of (service.build?.secrets ?? []).entries()) {
    need("secrets", "build secret", source, ["build", "secrets", String(i)]);
  }
  for (const [i, { source }] of (service.configs ?? []).entries())
    need("configs", "config", source, ["configs", String(i)]);
  for (const key of Object.keys(service.models ?? {})) need("models", "model", key, ["models", key]);
  for (const [i, { source }] of (service.secrets ?? []).entries())
    need("secrets", "secret", source, ["secrets", String(i)]);
  return found;
}

function dependencyComplaints(service: Service, { project, dropped }: Consistency): Complaint[] {
  const found: Complaint[] = [];
  for (const [name, { required }] of Object.entries(service.depends_on ?? {})) {
    const isKnown = Object.hasOwn(project.services, name) || dropped.has(`services.${name}`);
    if (isKnown || (!required && Object.hasOwn(project.disabledServices, name))) continue;
    const words = `service ${quote(service.name)} depends on undefined service ${quote(name)}: ${invalid}`;
    found.push([["depends_on", name], words]);
  }
  return found;
}

function scaleComplaints(service: Service): Complaint[] {
  const { name, scale, deploy, container_name } = service;
  const found: Complaint[] = [];
  const replicas = deploy?.replicas;
  if (scale !== undefined && replicas !== undefined && scale !== replicas) {
    found.push([["scale"], `services.${name}: can't set distinct values on 'scale' and 'deploy.replicas': ${invalid}`]);
  }
  if ((scale ?? 0) < 0) found.push([["scale"], `services.${name}.scale: must be greater than or equal to 0`]);
  if ((replicas ?? 0) < 0) {
    found.push([["deploy", "replicas"], `services.${name}.deploy.replicas: must be greater than or equal to 0`]);
  }
  if (scaleOf(service) > 1 && container_name) {
    const key = scale === undefined ? "deploy.replicas" : "scale";
    const words = `services.${name}: can't set container_name and ${key} as container name must be unique: ${invalid}`;
    found.push([["container_name"], words]);
  }
  return found;
}

/** Settings with an old name and one under `deploy`, which must agree. */
function resourceComplaints({ name, deploy, cpus, mem_limit, mem_reservation, pids_limit }: Service): Complaint[] {
  const limits = deploy?.resources?.limits;
  const reservations = deploy?.resources?.reservations;
  const pairs: [string, number | undefined, string, object | undefined, number | undefined][] = [
    ["cpus", cpus, "limits.cpus", limits, limits?.cpus],
    ["mem_limit", mem_limit, "limits.memory", limits, limits?.memory],
    ["mem_reservation", mem_reservation, "reservations.memory", reservations, reservations?.memory],
    ["pids_limit", pids_limit, "limits.pids", limits, limits?.pids],
  ];
  return pairs.flatMap(([key, value, other, holder, otherValue]): Complaint[] => {
    if (!value || holder === undefined || (otherValue ?? 0) === value) return [];
    return [
      [[key], `services.${name}: can't set distinct values on '${key}' and 'deploy.resources.${other}': ${invalid}`],
    ];
  });
}

function otherComplaints({ name, network_mode, networks, healthcheck, develop }: Service): Complaint[] {
  const found: Complaint[] = [];
  if (network_mode && Object.keys(networks ?? {}).length > 0) {
    found.push([
      ["network_mode"],
      `service ${name} declares mutually exclusive \`network_mode\` and \`networks\`: ${invalid}`,
    ]);
  }
  const [how] = healthcheck?.test ?? [];
  if (how !== undefined && !["CMD", "CMD-SHELL", "NONE"].includes(how)) {
    found.push([["healthcheck", "test"], `healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"`]);
  }
  for (const [i, { target, action }] of (develop?.watch ?? []).entries()) {
    if (target || action === "rebuild" || action === "restart") continue;
    const words = `services.${name}.develop.watch: target is required for non-rebuild actions: ${invalid}`;
    found.push([["develop", "watch", String(i)], words]);
  }
  return found;
}

function mountComplaints({ name, tmpfs = [], volumes = [] }: Service): Complaint[] {
  const all = [
    ...tmpfs.map((text, i) => ({ key: "tmpfs", i, target: text.split(":")[0]! })),
    ...volumes.map(({ target }, i) => ({ key: "volumes", i, target })),
  ];
  const seen = new Map<string, string>();
  return all.flatMap(({ key, i, target }): Complaint[] => {
    const place = `services.${name}.${key}[${i}]`;
    const before = seen.get(target);
    seen.set(target, before ?? place);
    return before === undefined ? [] : [[[key, String(i)], `${place}: target ${target} already mounted as ${before}`]];
  });
}
