import type {
  Deploy,
  GenericResource,
  Placement,
  Resource,
  Resources,
  RestartPolicy,
  UpdateConfig,
} from "../model/deploy.ts";
import { listOf, pairs, record, repeatedTexts } from "./collections.ts";
import { deviceRequest } from "./devices.ts";
import { bytes, duration, float, integer, text, textOneOf } from "./scalars.ts";
import type { RecordOptions, Type } from "./type.ts";

const count = (keepZero = true): Type<number> => integer({ types: ["integer", "string"], keepZero });

const updateConfig: Type<UpdateConfig> = record<UpdateConfig>({
  parallelism: count(),
  delay: duration(),
  failure_action: text(),
  monitor: duration(),
  max_failure_ratio: float(),
  order: textOneOf("start-first", "stop-first"),
});

const generic: Type<GenericResource> = record<GenericResource>({
  discrete_resource_spec: record<NonNullable<GenericResource["discrete_resource_spec"]>>({
    kind: text(),
    value: integer({ keepZero: true }),
  }),
});

const resourceFields = {
  cpus: float(),
  memory: bytes(["string"]),
  pids: count(false),
  devices: listOf(deviceRequest),
  generic_resources: listOf(generic),
};

/** The fields of one kind of resource; the other fields are the other kind's. */
function resource(known: readonly (keyof typeof resourceFields)[], how: RecordOptions = {}): Type<Resource> {
  const all = record<Resource>(resourceFields, how);
  const fields = Object.fromEntries(known.map((key) => [key, resourceFields[key].accept]));
  return { ...all, accept: { types: ["object"], fields } };
}

const resources: Type<Resources> = record<Resources>(
  {
    limits: resource(["cpus", "memory", "pids"]),
    reservations: resource(["cpus", "memory", "generic_resources", "devices"]),
  },
  { dropEmpty: true },
);

const restartPolicy: Type<RestartPolicy> = record<RestartPolicy>({
  condition: text(),
  delay: duration({ keepZero: true }),
  max_attempts: count(),
  window: duration({ keepZero: true }),
});

type Preference = NonNullable<Placement["preferences"]>[number];

const placement: Type<Placement> = record<Placement>(
  {
    constraints: repeatedTexts,
    preferences: listOf(record<Preference>({ spread: text() })),
    max_replicas_per_node: count(false),
  },
  { dropEmpty: true },
);

/** What Go holds by value, JSON always shows. */
const always = <T>(type: Type<T>): Type<T> => ({ ...type, absentInJson: new Map() });

const deployFields = record<Deploy>({
  mode: text(),
  replicas: count(),
  labels: pairs,
  update_config: updateConfig,
  rollback_config: updateConfig,
  resources: always(resources),
  restart_policy: restartPolicy,
  placement: always(placement),
  endpoint_mode: text(),
});

export const deploy: Type<Deploy> = {
  ...deployFields,
  accept: [deployFields.accept as never, { types: ["null"] }],
};
