/** `--docker host=...,ca=...,cert=...,key=...,skip-tls-verify=true`. */
import { splitPair } from "../lib/flags.ts";
import { type ContextMeta, type ContextTls, readContext, readContextTls } from "./context-store.ts";

export interface ContextEndpoint {
  readonly docker: NonNullable<ContextMeta["Endpoints"]["docker"]>;
  readonly tls: ContextTls;
}

/** Reads the endpoint's fields and the files they name. */
export async function readEndpoint(
  configDir: string,
  given: Readonly<Record<string, string>>,
): Promise<ContextEndpoint> {
  const docker: ContextEndpoint["docker"] = {};
  const tls: ContextTls = {};
  for (const [key, value] of Object.entries(given)) {
    if (key === "from") {
      const source = await readContext(configDir, value);
      Object.assign(docker, source.Endpoints.docker);
      Object.assign(tls, await readContextTls(configDir, value));
    } else if (key === "host") docker.Host = value;
    else if (key === "skip-tls-verify") docker.SkipTLSVerify = value === "true" || value === "1";
    else if (key === "ca" || key === "cert" || key === "key") tls[key] = await Bun.file(value).text();
    else throw new Error(`unrecognized config key: ${key}`);
  }
  docker.SkipTLSVerify ??= false;
  return { docker, tls };
}

/** Cuts `a=b,c=d` into a map, adding to what is there. */
export function addFields(text: string, previous: Record<string, string>): Record<string, string> {
  return { ...previous, ...Object.fromEntries(text.split(",").map((field) => splitPair(field))) };
}
