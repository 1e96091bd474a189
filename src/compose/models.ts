/** Models that services use: what the plugin that runs them is asked, and what services are told of them. */
import { invalidArgument } from "../lib/errors.ts";
import { mapValues } from "./loader/decode.ts";
import type { Project } from "./model/project.ts";
import type { Model } from "./model/resources.ts";
import type { Service } from "./model/service.ts";

/** The plugin's words to set a model up. */
export function configureWords({ model = "", context_size, runtime_flags = [] }: Model): string[] {
  const size = context_size ? ["--context-size", String(context_size)] : [];
  return ["configure", ...size, model, ...(runtime_flags.length > 0 ? ["--", ...runtime_flags] : [])];
}

/** The tags of the models that are here, from what `ls --json` printed. */
export function availableModels(text: string): ReadonlySet<string> {
  const rows = parsed(text, "ls");
  const tags = (Array.isArray(rows) ? rows : []).flatMap((row: { tags?: unknown } | null) =>
    Array.isArray(row?.tags) ? row.tags : [],
  );
  return new Set(tags.filter((tag) => typeof tag === "string"));
}

/** Where models are spoken to, from what `status --json` printed. */
export function modelEndpoint(text: string): string {
  const status = parsed(text, "status");
  const endpoint = (status as { endpoint?: unknown } | null)?.endpoint;
  return typeof endpoint === "string" ? endpoint : "";
}

function parsed(text: string, command: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`Docker Model plugin: ${command} answered no JSON: ${text.slice(0, 200)}`, { cause: error });
  }
}

/** The services with a variable for each model's name and one for where it is: `LLM_MODEL` and `LLM_URL`, unless they say. */
export function withModelVariables(project: Project, endpoint: string): Project {
  const services = mapValues(project.services, (service): Service => {
    const variables = Object.entries(service.models ?? {}).flatMap(([key, given]) => {
      const prefix = key.toUpperCase().replaceAll("-", "_");
      return [
        [given?.model_var || `${prefix}_MODEL`, project.models[key]?.model ?? ""],
        [given?.endpoint_var || `${prefix}_URL`, endpoint],
      ];
    });
    if (variables.length === 0) return service;
    return { ...service, environment: { ...service.environment, ...Object.fromEntries(variables) } };
  });
  return { ...project, services };
}
