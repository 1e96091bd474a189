/** The container of `compose run`: a service with what the command line says instead. */
import { randomBytes } from "node:crypto";
import type { ContainerCreateResponse } from "../../api/containers.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { createBody, imageOf } from "../../compose/create/container-body.ts";
import { References } from "../../compose/create/references.ts";
import { configHashes } from "../../compose/hashes.ts";
import type { Mount, Port } from "../../compose/model/grants.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { observe } from "../../compose/observe.ts";
import { splitPair } from "../../lib/flags.ts";
import { ExitError } from "../command.ts";
import { type PublishedPorts, publishPort } from "../container/ports.ts";
import type { Scope } from "./scope.ts";

export interface OneOffFlags {
  readonly "cap-add": readonly string[];
  readonly "cap-drop": readonly string[];
  readonly detach: boolean;
  readonly entrypoint: string;
  readonly interactive: boolean;
  readonly label: readonly string[];
  readonly name: string;
  readonly publish: readonly string[];
  readonly rm: boolean;
  readonly "service-ports": boolean;
  readonly "use-aliases": boolean;
  readonly user: string;
  readonly volume: readonly string[];
  readonly workdir: string;
}

export interface OneOffOptions {
  readonly flags: OneOffFlags;
  readonly changed: ReadonlySet<string>;
  readonly command: readonly string[];
  /** `NAME=value`, or `NAME` alone for one that is unset. */
  readonly environment: readonly string[];
  readonly tty: boolean;
}

/** The service as this one run has it. */
export function oneOffService(service: Service, options: OneOffOptions): Service {
  const { flags, changed, command, environment, tty } = options;
  const { container_name: _, ports, ...rest } = service;
  const published = flags.publish.length > 0 ? portsOf(flags.publish) : flags["service-ports"] ? ports : undefined;
  const entrypoint = changed.has("entrypoint") ? words(flags.entrypoint) : service.entrypoint;
  return {
    ...rest,
    restart: "no",
    deploy: { ...service.deploy, restart_policy: { condition: "none" } },
    entrypoint,
    command: command.length > 0 ? command : changed.has("entrypoint") ? null : service.command,
    tty,
    stdin_open: flags.interactive,
    environment: { ...service.environment, ...Object.fromEntries(environment.map(variable)) },
    labels: { ...service.labels, ...Object.fromEntries(flags.label.map((text) => splitPair(text))) },
    ...(published && { ports: published }),
    ...(flags.user && { user: flags.user }),
    ...(flags.workdir && { working_dir: flags.workdir }),
    ...(flags.volume.length > 0 && { volumes: [...(service.volumes ?? []), ...flags.volume.map(mountOf)] }),
    ...(flags["cap-add"].length > 0 && { cap_add: [...(service.cap_add ?? []), ...flags["cap-add"]] }),
    ...(flags["cap-drop"].length > 0 && { cap_drop: [...(service.cap_drop ?? []), ...flags["cap-drop"]] }),
  };
}

function variable(text: string): [string, string | null] {
  const [name, value] = splitPair(text);
  return [name, text.includes("=") ? value : null];
}

/** A command line as a shell would cut it, quotes taken off. */
export function words(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g))
    found.push(
      match[0].replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'/g,
        (_, double?: string, single?: string) => double?.replace(/\\(.)/g, "$1") ?? single ?? "",
      ),
    );
  return found;
}

function portsOf(specs: readonly string[]): Port[] {
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of specs) publishPort(spec, ports);
  return Object.entries(ports.bindings).flatMap(([key, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => {
      const [target, protocol] = splitPair(key, "/");
      return {
        target: Number(target),
        protocol,
        ...(HostIp && { host_ip: HostIp }),
        ...(HostPort && { published: HostPort }),
      };
    }),
  );
}

/** `[SOURCE:]TARGET[:ro]`; a source with a slash or dot at its front is a path here. */
function mountOf(spec: string): Mount {
  const parts = spec.split(":");
  if (parts.length === 1) return { type: "volume", target: spec };
  const [source = "", target = "", mode = ""] = parts;
  const readOnly = mode.split(",").includes("ro") && { read_only: true };
  if (!/^[./~]/.test(source)) return { type: "volume", source, target, ...readOnly };
  const home = process.env.HOME ?? "~";
  const path = source.replace(/^~/, home);
  const at = path.startsWith("/") ? path : `${process.cwd()}/${path}`;
  return { type: "bind", source: at, target, ...readOnly, bind: { create_host_path: true } };
}

export interface OneOff {
  readonly id: string;
  readonly name: string;
  readonly service: Service;
}

/** Creates it; what it depends on is there already. */
export async function createOneOff(
  scope: Scope,
  project: Project,
  name: string,
  images: ReadonlyMap<string, string>,
  options: OneOffOptions,
): Promise<OneOff> {
  const defined = project.services[name];
  if (!defined) throw new ExitError(1, `no such service: ${name}`);
  const service = oneOffService(defined, options);
  const observed = await observe(scope.client, project.name);
  const targets = Map.groupBy(
    observed.containers.filter(({ oneoff }) => !oneoff),
    (container) => container.service,
  );
  const references = new References(targets, project.name);
  const slug = randomBytes(32).toString("hex");
  const container = options.flags.name || `${project.name}-${name}-run-${slug.slice(0, 12)}`;
  const body = createBody(project, service, references, {
    name: container,
    number: 1,
    configHash: configHashes.service(references.resolved(service)),
    imageId: images.get(imageOf(project, service)) ?? "",
    carried: [],
    oneoff: { slug, autoRemove: options.flags.rm && options.flags.detach, useAliases: options.flags["use-aliases"] },
  });
  const route = to(paths.containerCreate, {}, { name: container, platform: service.platform ?? "" });
  const { Id } = await scope.client.json<ContainerCreateResponse>(route, { json: body });
  return { id: Id, name: container, service };
}
