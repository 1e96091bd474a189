/** Every key of a service, in the order of printing. */
import type { CredentialSpec, Logging, Provider, Service } from "../model/service.ts";
import { build } from "./build.ts";
import {
  command,
  environment,
  extraHosts,
  listOf,
  mapOf,
  multiOptions,
  options,
  pairs,
  record,
  textOrTexts,
  texts,
  textsOrNumbers,
} from "./collections.ts";
import { deploy } from "./deploy.ts";
import { blkio, device, gpuRequest, ulimits } from "./devices.ts";
import { envFile, fileGrant, mount, port, serviceModel, serviceNetwork } from "./grants.ts";
import { dependsOn, develop, healthCheck, hook } from "./lifecycle.ts";
import { anyText, bytes, duration, flag, float, integer, text, textOneOf, tristate } from "./scalars.ts";
import type { Shape, Type } from "./type.ts";

const listOrMap = <T>(type: Type<T>): Type<T> => ({ ...type, accept: [texts.accept as never, type.accept as never] });
const uniqueTexts = texts;
const mode = text();

export const serviceShape: Shape<Omit<Service, "name">> = {
  profiles: texts,
  annotations: pairs,
  attach: tristate,
  build,
  develop,
  blkio_config: blkio,
  cap_add: uniqueTexts,
  cap_drop: uniqueTexts,
  cgroup_parent: text(),
  cgroup: textOneOf("host", "private"),
  cpu_count: {
    ...integer(),
    accept: [
      { types: ["string"], cast: "integer" },
      { types: ["integer"], min: 0 },
    ],
  },
  cpu_percent: {
    ...float(),
    accept: [
      { types: ["string"], cast: "number" },
      { types: ["integer"], min: 0, max: 100 },
    ],
  },
  cpu_period: integer(),
  cpu_quota: integer(),
  cpu_rt_period: integer(),
  cpu_rt_runtime: integer(),
  cpus: float(),
  cpuset: text(),
  cpu_shares: integer(),
  command,
  configs: listOf(fileGrant),
  container_name: text({ pattern: /[a-zA-Z0-9][a-zA-Z0-9_.-]+/ }),
  credential_spec: record<CredentialSpec>({ config: text(), file: text(), registry: text() }),
  depends_on: listOrMap(mapOf(dependsOn, { extensible: false })),
  deploy,
  device_cgroup_rules: texts,
  devices: listOf(device),
  dns: textOrTexts,
  dns_opt: uniqueTexts,
  dns_search: textOrTexts,
  domainname: text(),
  entrypoint: command,
  provider: record<Provider>({ type: text(), options: multiOptions }, { required: ["type"] }),
  environment,
  env_file: { ...listOf(envFile), accept: [{ types: ["string"] }, listOf(envFile).accept as never] },
  expose: textsOrNumbers,
  extends: record<NonNullable<Service["extends"]>>(
    { file: text(), service: anyText },
    { required: ["service"], extensible: false, or: [{ types: ["string"] }] },
  ),
  external_links: uniqueTexts,
  extra_hosts: extraHosts,
  group_add: textsOrNumbers,
  gpus: {
    ...listOf(gpuRequest),
    accept: [{ types: ["string"], choices: ["all"] }, listOf(gpuRequest).accept as never],
  },
  hostname: text(),
  healthcheck: healthCheck,
  image: text(),
  init: tristate,
  ipc: mode,
  isolation: text(),
  labels: pairs,
  label_file: { ...textOrTexts, accept: [{ types: ["string"] }, { types: ["array"], items: { types: ["string"] } }] },
  links: uniqueTexts,
  logging: record<Logging>({ driver: text(), options: options({ types: ["string", "number", "null"] }) }),
  mem_limit: bytes(["number", "string"]),
  mem_reservation: bytes(["string", "integer"]),
  memswap_limit: bytes(["number", "string"]),
  mem_swappiness: bytes(["integer", "string"]),
  mac_address: text(),
  models: listOrMap(mapOf(serviceModel, { open: true })),
  network_mode: mode,
  networks: listOrMap(mapOf(serviceNetwork, { extensible: false })),
  oom_kill_disable: flag,
  oom_score_adj: {
    ...integer(),
    accept: [
      { types: ["string"], cast: "integer" },
      { types: ["integer"], min: -1000, max: 1000 },
    ],
  },
  pid: { ...mode, accept: { types: ["string", "null"] } },
  pids_limit: integer(),
  platform: text(),
  ports: listOf(port, { unique: true }),
  privileged: flag,
  pull_policy: text({
    pattern: /always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+/,
  }),
  read_only: flag,
  restart: text(),
  runtime: text(),
  scale: integer({ types: ["integer", "string"], keepZero: true }),
  secrets: listOf(fileGrant),
  security_opt: uniqueTexts,
  shm_size: bytes(["number", "string"]),
  stdin_open: flag,
  stop_grace_period: duration({ keepZero: true }),
  stop_signal: text(),
  storage_opt: options([], { values: { types: [] } }),
  sysctls: pairs,
  tmpfs: textOrTexts,
  tty: flag,
  ulimits,
  use_api_socket: { ...flag, accept: { types: ["boolean"] } },
  user: text(),
  userns_mode: text(),
  uts: mode,
  volumes: listOf(mount, { unique: true }),
  volumes_from: uniqueTexts,
  working_dir: text(),
  post_start: listOf(hook),
  pre_stop: listOf(hook),
};

export const service: Type<Omit<Service, "name">> = record<Omit<Service, "name">>(serviceShape, {
  unused: { pull_refresh_after: { types: ["string"] } },
});
