/** Digests of what was configured, by which a later run knows whether anything changed. */
import { createHash } from "node:crypto";
import type { Network, Volume } from "./model/resources.ts";
import type { Service } from "./model/service.ts";

/** The three digests of Docker's Compose, as its labels hold them. */
export interface ConfigHashes {
  /** References to other services must be resolved to their containers before. */
  service(service: Service): string;
  network(network: Network): string;
  volume(volume: Volume): string;
}

const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

export const configHashes: ConfigHashes = {
  service: ({ build: _, pull_policy: __, depends_on: ___, profiles: ____, scale: _____, ...service }) =>
    digest({ ...service, deploy: service.deploy && { ...service.deploy, replicas: undefined } }),
  network: digest,
  volume: digest,
};
