/** The flags of a cache, checked. */
import { readFileSync } from "node:fs";
import { type FlagValues, UsageError } from "../../lib/flags.ts";
import type { registryFlags } from "../flags.ts";
import type { AskedOptions } from "./asked-retention.ts";
import type { PullThroughOptions } from "./pull-through.ts";
import { namesOf, type UpstreamOptions } from "./upstream.ts";

export interface ProxyOptions extends AskedOptions, Pick<PullThroughOptions, "staleMs" | "namespaces"> {
  readonly upstream: UpstreamOptions;
}

/** Null for a registry that is no cache. Throws {@link UsageError}. */
export function proxyOptions(values: FlagValues<typeof registryFlags>): ProxyOptions | null {
  const { "proxy-remote-url": remote, "proxy-credentials": credentials, htpasswd } = values;
  if (remote === "") {
    if (credentials !== "") throw new UsageError("--proxy-credentials needs --proxy-remote-url");
    if (values["proxy-namespace"].length > 0) throw new UsageError("--proxy-namespace needs --proxy-remote-url");
    return null;
  }
  if (credentials !== "" && htpasswd === "" && !values["proxy-open"])
    throw new UsageError(
      "--proxy-credentials needs --htpasswd, or --proxy-open: else everybody could pull what only its user may",
    );
  const url = remoteIn(remote);
  return {
    namespaces: [...namesOf(url), ...values["proxy-namespace"]],
    upstream: {
      url,
      credentials: credentials === "" ? null : credentialsIn(credentials),
      insecure: values["proxy-insecure"],
    },
    staleMs: values["proxy-stale"] / 1e6,
    unaskedMs: values["proxy-ttl"] / 1e6,
    maxBytes: values["proxy-max-size"] === 0 ? null : values["proxy-max-size"],
  };
}

function remoteIn(text: string): URL {
  const url = URL.parse(text);
  const isPlain =
    url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search + url.hash === "";
  // Not quoted: it may hold a password.
  if (isPlain && url.username + url.password !== "")
    throw new UsageError("--proxy-remote-url holds credentials: put them into the file of --proxy-credentials");
  if (!isPlain) throw new UsageError("invalid --proxy-remote-url: expected https://HOST[:PORT]");
  return url;
}

function credentialsIn(path: string): { username: string; password: string } {
  const [, username, password] = /^([^:\n]+):([^\n]+)\n?$/.exec(readFileSync(path, "utf8")) ?? [];
  if (username === undefined || password === undefined) throw new Error(`${path}: expected one line of USER:PASSWORD`);
  return { username, password };
}
