/**
 * Services that another program provides: what it is called with, and what it answers, a line of JSON for each message.
 * The protocol is that of docker/compose: docs/extension.md, as of 2.40.
 */
import { invalidArgument } from "../lib/errors.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";
import { inOrder } from "./plan/order.ts";

export type ProviderCommand = "up" | "down";

export type ProviderMessage =
  | { readonly type: "info" | "debug" | "error"; readonly message: string }
  | { readonly type: "setenv"; readonly name: string; readonly value: string };

interface Parameter {
  readonly name: string;
  readonly required: boolean;
}

/** The parameters that each command takes. */
export type ProviderMetadata = Readonly<Record<ProviderCommand, readonly Parameter[]>>;

/** What `PROVIDER compose metadata` printed; null where it says nothing, and every option is passed on. */
export function parseProviderMetadata(text: string): ProviderMetadata | null {
  const told = jsonObject(text);
  if (!told || (!told.description && !parametersOf(told.up) && !parametersOf(told.down))) return null;
  return { up: parametersOf(told.up) ?? [], down: parametersOf(told.down) ?? [] };
}

function parametersOf(command: unknown): Parameter[] | null {
  const given = isObject(command) ? command.parameters : null;
  if (!Array.isArray(given)) return null;
  return given.filter(isObject).map(({ name, required }) => ({ name: String(name), required: required === true }));
}

/** The words behind the program's name. Throws where an option that the command requires is missing. */
export function providerArguments(
  project: Project,
  { name, provider }: Service,
  command: ProviderCommand,
  metadata: ProviderMetadata | null,
): string[] {
  const options = Object.entries(provider?.options ?? {});
  const taken = metadata?.[command];
  const missing = taken?.find((parameter) => parameter.required && !options.some(([key]) => key === parameter.name));
  if (missing) {
    throw invalidArgument(
      `required parameter ${JSON.stringify(missing.name)} is missing from provider ${JSON.stringify(provider?.type ?? "")} definition`,
    );
  }
  const passed = options.filter(([key]) => !taken || taken.some((parameter) => parameter.name === key));
  const flags = passed.flatMap(([key, values]) => values.map((value) => `--${key}=${value}`));
  return ["compose", `--project-name=${project.name}`, command, ...flags, name];
}

/** Throws, naming it, for a line that is no message. */
export function parseProviderMessage(line: string): ProviderMessage {
  const told = jsonObject(line);
  if (!told) throw invalidArgument(`invalid response from plugin: ${line}`);
  const message = typeof told.message === "string" ? told.message : "";
  const { type } = told;
  if (type === "info" || type === "debug" || type === "error") return { type, message };
  if (type !== "setenv") throw invalidArgument(`invalid response from plugin: ${String(type)}`);
  const at = message.indexOf("=");
  if (at < 1) throw invalidArgument(`invalid response from plugin: ${message}`);
  return { type, name: message.slice(0, at), value: message.slice(at + 1) };
}

/** The project whose services that depend on the provided one know its variables, `DB_URL` for the `URL` of `db`. */
export function withVariables(project: Project, provided: string, variables: ReadonlyMap<string, string>): Project {
  const named = [...variables].map(([name, value]) => [`${provided.toUpperCase()}_${name}`, value]);
  const services = Object.entries(project.services).map(([key, service]): [string, Service] => {
    if (!Object.hasOwn(service.depends_on ?? {}, provided)) return [key, service];
    return [key, { ...service, environment: { ...service.environment, ...Object.fromEntries(named) } }];
  });
  return { ...project, services: Object.fromEntries(services) };
}

/** The provided services, each after those it depends on. Throws for one that waits for containers, which come later. */
export function providedServices(project: Project): Service[] {
  const provided = inOrder(project.services).filter(({ provider }) => provider);
  for (const { name, depends_on = {} } of provided) {
    const other = Object.keys(depends_on).find((each) => project.services[each] && !project.services[each].provider);
    if (other) {
      throw invalidArgument(
        `services.${name}.depends_on: a provider that depends on a service of containers (${other}) is not supported`,
      );
    }
  }
  return provided;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
