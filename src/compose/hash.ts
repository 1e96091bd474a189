/**
 * The fingerprint by which Compose sees that a service has changed since its containers were made, the same as Docker's, so
 * that either tool can go on with what the other has started. Label `com.docker.compose.config-hash`.
 */
import type { Network, Volume } from "./model/resources.ts";
import type { Service } from "./model/service.ts";
import { goJson } from "./print/json-text.ts";
import { show } from "./schema/collections.ts";
import { network as networkType, sections, volume as volumeType } from "./schema/project.ts";

const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** Over the service without what does not make another container: how its image is made, how many there are, what it waits for. */
export function serviceHash(service: Service): string {
  const { build: _b, pull_policy: _p, scale: _s, depends_on: _d, profiles: _f, ...rest } = service;
  const { replicas: _r, ...deploy } = service.deploy ?? {};
  const kept = { ...rest, ...(service.deploy && { deploy }) };
  return sha256(goJson(show(sections.services, kept, "json")));
}

export function networkHash(network: Network): string {
  return sha256(goJson(show(networkType, network, "json")));
}

export function volumeHash(volume: Volume): string {
  return sha256(goJson(show(volumeType, { ...volume, driver: volume.driver ?? "local" }, "json")));
}
