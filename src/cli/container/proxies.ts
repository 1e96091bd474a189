import { splitPair } from "../../lib/flags.ts";
import type { ConfigFile } from "../config-file.ts";

/** The proxies of config.json, for those variables the user did not set. */
export function proxyVariables(config: ConfigFile, daemonAddress: string, variables: readonly string[]): string[] {
  const proxy = config.proxies?.[daemonAddress] ?? config.proxies?.default;
  if (!proxy) return [];
  const names = {
    httpProxy: "HTTP_PROXY",
    httpsProxy: "HTTPS_PROXY",
    noProxy: "NO_PROXY",
    ftpProxy: "FTP_PROXY",
    allProxy: "ALL_PROXY",
  };
  const taken = new Set(variables.map((variable) => splitPair(variable)[0]));
  const result: string[] = [];
  for (const [key, name] of Object.entries(names)) {
    const value = proxy[key as keyof typeof names];
    if (!value) continue;
    for (const each of [name, name.toLowerCase()]) if (!taken.has(each)) result.push(`${each}=${value}`);
  }
  return result;
}
