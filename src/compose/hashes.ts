/** The digests by which a later run knows whether what was configured has changed, as the planner asks for them. */
import { networkHash, serviceHash, volumeHash } from "./hash.ts";
import type { Network, Volume } from "./model/resources.ts";
import type { Service } from "./model/service.ts";

/** The three digests of Docker's Compose, as its labels hold them. */
export interface ConfigHashes {
  /** References to other services must be resolved to their containers before. */
  service(service: Service): string;
  network(network: Network): string;
  volume(volume: Volume): string;
}

export const configHashes: ConfigHashes = { service: serviceHash, network: networkHash, volume: volumeHash };
