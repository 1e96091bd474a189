/** Services that extend another one, of the same file or of another. */
import { messageOf } from "../../lib/errors.ts";
import { extendService } from "../merge/merge.ts";
import { asMapping, child, cloneNode, type Mapping, type Node, textOf } from "../yaml/node.ts";
import { dropPaths } from "./resets.ts";

/** A file that services are taken from: canonical, its paths relative to the one that takes. */
export interface ExtendedFile {
  readonly services: Mapping;
  readonly resets: readonly (readonly string[])[];
}

export interface Extending {
  /** Throws what `readText` throws. */
  readonly open: (file: string) => ExtendedFile;
  readonly fail: (node: Node, path: string, message: string) => void;
  readonly extend: (base: Node, service: Node) => Node;
}

export { extendService };

interface Reference {
  readonly file: string;
  readonly service: string;
}

/** Replaces every service of `root` that extends one. */
export function applyExtends(root: Node, file: string, resets: readonly (readonly string[])[], how: Extending): void {
  const services = asMapping(child(root, "services"));
  if (!services) return;
  for (const name of services.entries.keys()) {
    const extended = extendedService({ file, service: name }, services, resets, how, []);
    if (extended) services.entries.set(name, extended);
  }
}

function extendedService(
  at: Reference,
  services: Mapping,
  resets: readonly (readonly string[])[],
  how: Extending,
  chain: readonly Reference[],
): Node | undefined {
  const service = services.entries.get(at.service);
  const given = asMapping(service)?.entries.get("extends");
  if (service === undefined || given === undefined || service.kind !== "mapping") return service;
  const where = `services.${at.service}.extends`;
  const name = textOf(given) ?? textOf(child(given, "service"));
  if (name === undefined) {
    if (given.kind === "mapping") how.fail(given, where, `extends.${at.service}.service is required`);
    return withoutExtends(service);
  }
  if (chain.some((one) => one.file === at.file && one.service === at.service)) {
    how.fail(given, where, circleWords([...chain, at]));
    return withoutExtends(service);
  }
  const path = textOf(child(given, "file"));
  const from = source(at, name, path, services, resets, given, how);
  if (from === null) return withoutExtends(service);
  const reference = { file: from.file, service: name };
  const base = extendedService(reference, from.services, from.resets, how, [...chain, at]);
  if (base?.kind !== "mapping") return withoutExtends(service);
  // The other service stays what it is.
  const own = dropPaths(cloneNode(base), resets, ["services", at.service]);
  const merged = how.extend(own, service);
  const result = withoutExtends(merged as Mapping);
  services.entries.set(at.service, result);
  return result;
}

function source(
  at: Reference,
  name: string,
  path: string | undefined,
  services: Mapping,
  resets: readonly (readonly string[])[],
  given: Node,
  how: Extending,
): (ExtendedFile & { file: string }) | null {
  const where = `services.${at.service}.extends`;
  if (path === undefined) {
    if (services.entries.has(name)) return { file: at.file, services, resets };
    const words = `cannot extend service ${JSON.stringify(at.service)} in ${at.file}: service ${JSON.stringify(name)} not found`;
    how.fail(given, where, words);
    return null;
  }
  try {
    const opened = how.open(path);
    if (opened.services.entries.has(name)) return { ...opened, file: path };
    const words = `cannot extend service ${JSON.stringify(at.service)} in ${at.file}: service ${JSON.stringify(name)} not found in ${path}`;
    how.fail(given, where, words);
  } catch (error) {
    how.fail(given, where, messageOf(error));
  }
  return null;
}

function withoutExtends(service: Mapping): Mapping {
  service.entries.delete("extends");
  return service;
}

function circleWords(chain: readonly Reference[]): string {
  const last = chain.at(-1)!;
  const start = chain.findIndex((one) => one.file === last.file && one.service === last.service);
  const [first, ...rest] = chain.slice(start);
  return [
    "Circular reference:",
    `  ${first!.service} in ${first!.file}`,
    ...rest.map((one) => `  extends ${one.service} in ${one.file}`),
  ].join("\n");
}
