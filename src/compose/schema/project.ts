/** The top of a Compose file. */
import type { Config, Ipam, IpamPool, Model, Network, Secret, Volume } from "../model/resources.ts";
import type { Accept, Rule } from "./accept.ts";
import { listOf, options, pairs, record, repeatedTexts, textOrTexts } from "./collections.ts";
import { anyText, flag, integer, text, tristate } from "./scalars.ts";
import { service } from "./service.ts";
import type { Type } from "./type.ts";

const externalName: Rule = { types: ["object"], fields: { name: { types: ["string"] } } };
/** `external: {name: X}` is the old form. */
const external: Type<boolean> = { ...flag, accept: [{ types: ["boolean", "string"], cast: "boolean" }, externalName] };
const driverOptions = options({ types: ["string", "number"] });
const nullable = <T>(type: Type<T>): Type<T> => ({ ...type, accept: [type.accept as never, { types: ["null"] }] });

const ipam: Type<Ipam> = record<Ipam>(
  {
    driver: text(),
    config: listOf(
      record<IpamPool>({
        subnet: text(),
        gateway: text(),
        ip_range: text(),
        aux_addresses: options({ types: ["string"] }, { open: false, extensible: false }),
      }),
    ),
  },
  {
    dropEmpty: true,
    unused: { options: { types: ["object"], names: /^.+$/s, values: { types: ["string"] }, extensible: false } },
  },
);

export const network: Type<Network> = nullable(
  record<Network>({
    name: anyText,
    driver: text(),
    driver_opts: driverOptions,
    ipam: { ...ipam, absentInJson: new Map() },
    external,
    internal: flag,
    attachable: flag,
    labels: pairs,
    enable_ipv4: tristate,
    enable_ipv6: tristate,
  }),
);

export const volume: Type<Volume> = nullable(
  record<Volume>({ name: anyText, driver: text(), driver_opts: driverOptions, external, labels: pairs }),
);

const fileObject = {
  name: text(),
  file: text(),
  environment: text(),
  content: text(),
  external,
  labels: pairs,
  driver: text(),
  driver_opts: driverOptions,
  template_driver: text(),
};

const secretFields = record<Secret>(fileObject);
const configFields = record<Config>(fileObject);

function without(accept: Accept, ...keys: readonly string[]): Accept {
  const rule = accept as Rule;
  return {
    ...rule,
    fields: Object.fromEntries(Object.entries(rule.fields ?? {}).filter(([key]) => !keys.includes(key))),
  };
}

/** A secret's bytes are never printed. */
export const secret: Type<Secret> = {
  ...secretFields,
  accept: without(secretFields.accept, "content"),
  show: ({ content, ...rest }, format) => secretFields.show!(rest, format),
};

/** What came from the environment is printed as the variable's name. */
export const config: Type<Config> = {
  ...configFields,
  accept: without(configFields.accept, "driver", "driver_opts"),
  show: ({ content, ...rest }, format) =>
    configFields.show!(
      { ...rest, ...(rest.environment === undefined && content !== undefined && { content }) },
      format,
    ),
};

export const model: Type<Model> = record<Model>(
  { name: text(), model: text(), context_size: integer({ types: ["integer"] }), runtime_flags: repeatedTexts },
  { required: ["model"] },
);

const include: Accept = [
  { types: ["string"] },
  {
    types: ["object"],
    fields: { path: textOrTexts.accept, env_file: textOrTexts.accept, project_directory: { types: ["string"] } },
    extensible: false,
  },
];

const named = (type: Type<unknown>, rule: Partial<Rule> = {}): Rule => ({
  types: ["object"],
  names: /^[a-zA-Z0-9._-]+$/,
  values: type.accept,
  extensible: false,
  ...rule,
});

/** The kinds of things that a project holds under names. */
export const sections = {
  services: service,
  networks: network,
  volumes: volume,
  secrets: secret,
  configs: config,
  models: model,
};

export const projectAccept: Rule = {
  types: ["object"],
  fields: {
    version: { types: ["string"] },
    name: { types: ["string"] },
    include: { types: ["array"], items: include },
    services: named(service as Type<unknown>),
    models: named(model as Type<unknown>, { open: true }),
    networks: named(network as Type<unknown>, { open: true }),
    volumes: named(volume as Type<unknown>),
    secrets: named(secret as Type<unknown>),
    configs: named(config as Type<unknown>),
  },
};
