/** Builds what settings say over BuildKit's protocol, showing how it goes; a signal ends it in order. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { keepFailedAttribute } from "../../api/buildkit/failures.ts";
import { Builder, type SolveRequest } from "../../client/buildkit/builder.ts";
import type { Client } from "../../client/client.ts";
import { openSession } from "../../client/session/session.ts";
import type { Cli } from "../cli.ts";
import { startAgents } from "./agents.ts";
import { buildCredentials } from "./credentials.ts";
import { type BuilderAbilities, type Exports, enterLayout, exportsOf } from "./exporters.ts";
import { buildFailure } from "./failure.ts";
import { enterCaches, localCaches } from "./local-caches.ts";
import type { Progress } from "./progress/progress.ts";
import type { ExporterResponse } from "./results.ts";
import { checkSecrets, secretValue } from "./secrets.ts";
import { type BuildSettings, checkSettings, frontendAttributes, grantsOf } from "./settings.ts";
import { buildSources } from "./sources.ts";

export interface BuildOutcome {
  readonly response: ExporterResponse;
  readonly ref: string;
  readonly pushNames: readonly string[];
}

export interface BuildRun {
  readonly settings: BuildSettings;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Asks for the files of a RUN that fails ({@link BuildFailure.failedStep}). */
  readonly keepsFailed?: boolean;
}

/** Throws {@link BuildFailure} for what the builder refuses, ExitError for what is not even asked. */
export async function runBuild(cli: Cli, run: BuildRun): Promise<BuildOutcome> {
  return await withBuilder(cli, run, async ({ builder, request, exported }) => {
    const { ref, response } = await builder.solve(request, optionsOf(run));
    await enterCaches(request.cacheTo, response);
    await enterLayout(exported.layout, response);
    return { ref, response, pushNames: exported.pushNames };
  });
}

/** Asks the frontend for something else than a build: what it answers by name. */
export async function askFrontend(
  cli: Cli,
  run: BuildRun,
  requestId: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return await withBuilder(cli, run, async ({ builder, request }) => {
    const attributes = {
      ...request.attributes,
      requestid: `frontend.${requestId}`,
      "frontend.caps": "moby.buildkit.frontend.subrequests",
    };
    return await builder.ask({ ...request, attributes, exporters: [], cacheTo: [] }, optionsOf(run));
  });
}

const optionsOf = ({ progress, signal }: BuildRun) => ({
  signal,
  onStatus: (status: Parameters<Progress["update"]>[0]) => progress.update(status),
});

interface Opened {
  readonly builder: Builder;
  readonly request: SolveRequest;
  readonly exported: Exports;
}

async function withBuilder<T>(
  cli: Cli,
  { settings, keepsFailed }: BuildRun,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  checkSettings(settings);
  checkSecrets(settings.secrets);
  const sources = await buildSources(settings);
  const caches = await localCaches(settings);
  for (const warning of caches.warnings) cli.err(`WARNING: ${warning}\n`);
  await using agents = await startAgents(settings.ssh);
  const client = await cli.client();
  await using builder = await Builder.connect(client);
  const abilities = await abilitiesOf(client, builder);
  const exported = exportsOf(settings, abilities, cli.stdout);
  let ours: Error | null = null;
  using session = await openSession(client, {
    name: settings.tags[0] ?? "build",
    sharedKey: sharedKey(sources.directory),
    offers: {
      files: sources.files,
      uploads: sources.uploads,
      secret: (id) => secretValue(settings.secrets, id),
      ssh: agents.sockets,
      credentials: (host) => buildCredentials(cli, host),
      exports: exported.targets,
      stores: {
        ...sources.stores,
        ...caches.stores,
        ...(exported.layout !== null && { export: { path: exported.layout, isWritable: true } }),
      },
      failed: (error) => {
        ours ??= error;
      },
    },
  });
  const request: SolveRequest = {
    session: session.id,
    frontend: "dockerfile.v0",
    attributes: {
      ...frontendAttributes(settings, abilities.hostGateway),
      ...sources.attributes,
      ...(keepsFailed && { [keepFailedAttribute]: "true" }),
    },
    exporters: exported.exporters,
    cacheFrom: caches.from,
    cacheTo: caches.to,
    entitlements: grantsOf(settings),
  };
  try {
    return await work({ builder, request, exported });
  } catch (error) {
    throw buildFailure(error, ours);
  }
}

async function abilitiesOf(client: Client, builder: Builder): Promise<BuilderAbilities> {
  const worker = await builder.worker();
  const { Platform } = await client.json<{ Platform?: { Name?: string } }>({ method: "GET", path: "/version" });
  const isDhow = Platform?.Name === "dhow";
  const { DriverStatus = [] } = isDhow
    ? {}
    : await client.json<{ DriverStatus?: readonly (readonly string[])[] }>({ method: "GET", path: "/info" });
  const hasContainerd = DriverStatus?.some((row) => row.includes("io.containerd.snapshotter.v1")) ?? false;
  return {
    isFull: isDhow || hasContainerd,
    hostGateway: worker?.labels.get("org.mobyproject.buildkit.worker.moby.host-gateway-ip") ?? "host-gateway",
  };
}

/** The same for one directory of one user on one host, whenever it is built. */
function sharedKey(directory: string): string {
  if (directory === "") return "";
  let host = hostname();
  try {
    host = readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    // Its name will do.
  }
  return createHash("sha256").update(`${host}:${userInfo().uid}:${directory}`).digest("hex");
}
