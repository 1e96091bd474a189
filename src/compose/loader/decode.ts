/** The tree in long forms -> the model's types. */
import type { Named, Project } from "../model/project.ts";
import type { Config, Secret } from "../model/resources.ts";
import type { Service } from "../model/service.ts";
import type { Problems } from "../problems.ts";
import { extensionsOf } from "../schema/collections.ts";
import { sections } from "../schema/project.ts";
import type { Reading, Type } from "../schema/type.ts";
import { asMapping, isNull, type Mapping, textOf } from "../yaml/node.ts";
import { contentKey } from "./model.ts";

export type Decoded = Pick<
  Project,
  "services" | "networks" | "volumes" | "secrets" | "configs" | "models" | "extensions"
>;

export function decode(root: Mapping, problems: Problems, warn: (message: string) => void): Decoded {
  const read = <T>(section: string, type: Type<T>): Named<T> =>
    readSection(root, section, type, { problems, path: section, warn });
  const services = read("services", sections.services);
  const extensions = extensionsOf(root);
  return {
    services: mapValues(services, (service, name): Service => ({ ...service, name })),
    networks: read("networks", sections.networks),
    volumes: read("volumes", sections.volumes),
    secrets: withContents<Secret>(root, "secrets", read("secrets", sections.secrets)),
    configs: withContents<Config>(root, "configs", read("configs", sections.configs)),
    models: read("models", sections.models),
    ...(extensions && { extensions }),
  };
}

export function mapValues<T, R>(named: Named<T>, map: (value: T, name: string) => R): Named<R> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, map(value, name)]));
}

function readSection<T>(root: Mapping, section: string, type: Type<T>, how: Reading): Named<T> {
  const entries = [...(asMapping(root.entries.get(section))?.entries ?? [])];
  return Object.fromEntries(
    entries.flatMap(([name, node]) => {
      // A name alone is all that a network or volume needs.
      const value = isNull(node) ? ({} as T) : type.read(node, { ...how, path: `${section}.${name}` });
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function withContents<T extends Secret>(root: Mapping, section: string, named: Named<T>): Named<T> {
  return mapValues(named, (object, name) => {
    const content = textOf(asMapping(asMapping(root.entries.get(section))?.entries.get(name))?.entries.get(contentKey));
    if (content === undefined) return object;
    const { [contentKey]: _, ...others } = object.extensions ?? {};
    const { extensions: _all, ...rest } = object;
    return { ...rest, content, ...(Object.keys(others).length > 0 && { extensions: others }) } as unknown as T;
  });
}
