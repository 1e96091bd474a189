/** What is known of the one builder: the daemon's own. */
import { Builder } from "../../client/buildkit/builder.ts";
import { formatPlatform } from "../../lib/platform.ts";
import type { Cli } from "../cli.ts";

export interface BuilderFacts {
  readonly name: string;
  readonly driver: string;
  readonly endpoint: string;
  /** `running`, or `classic` where the daemon builds by `POST /build` only. */
  readonly status: string;
  readonly version: string;
  readonly platforms: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
}

export async function builderFacts(cli: Cli): Promise<BuilderFacts> {
  const client = await cli.client();
  const { builderVersion } = await client.ping();
  const { address } = await cli.daemon();
  const known = { name: "default", driver: "docker", endpoint: address };
  if (builderVersion !== "2") return { ...known, status: "classic", version: "", platforms: [], labels: new Map() };
  await using builder = await Builder.connect(client);
  const worker = await builder.worker();
  const platforms = (worker?.platforms ?? []).map(({ os, architecture, variant }) =>
    formatPlatform({ os, architecture, variant }),
  );
  const { buildkitVersion, labels = new Map() } = worker ?? {};
  return { ...known, status: "running", version: buildkitVersion?.version ?? "", platforms, labels };
}
