/** Proxies on the way to registries: those of the configuration take the environment's place, as dockerd's do, for helpers too. */

export interface Proxies {
  /** For requests over HTTP and over HTTPS; "" is what the environment says. */
  readonly http: string;
  readonly https: string;
  /** Hosts that are asked without one, parted by commas. */
  readonly none: string;
}

/** Never asked through a proxy (as Go's clients have it): a registry at this host is nobody else's. */
const ownHosts = ["localhost", "127.0.0.1", "::1"];

/** Puts the proxies into `environment`, which every request and every helper process reads. */
export function useProxies({ http, https, none }: Proxies, environment: Record<string, string | undefined>): void {
  const set = (name: string, value: string): void => {
    environment[name] = value;
    environment[name.toLowerCase()] = value;
  };
  const now = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? "";
  const [forHttp, forHttps] = [http || now("HTTP_PROXY"), https || now("HTTPS_PROXY")];
  if (forHttp !== "") set("HTTP_PROXY", forHttp);
  if (forHttps !== "") set("HTTPS_PROXY", forHttps);
  if (forHttp + forHttps === "") return;
  const without = (none || now("NO_PROXY")).split(",").map((host) => host.trim());
  set("NO_PROXY", [...new Set([...without, ...ownHosts])].filter(Boolean).join(","));
}

/** A proxy's address as it may be shown: without its user and password. */
export const maskedProxy = (text: string): string => text.replace(/^([\w+.-]+:\/\/)?[^/@]*@/, "$1xxxxx:xxxxx@");
