/** Waiting until the containers of a service are as another one wants them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInspectResponse } from "../../api/containers.ts";
import { paths } from "../../api/paths.ts";
import { ApiError, type Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Action, WaitCondition } from "../plan/operation.ts";
import type { Progress } from "../progress.ts";

export interface AwaitContext {
  readonly client: Client;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly idOf: (name: string) => string;
}

/** Milliseconds between two looks: short at first, for most conditions are met soon. */
const shortest = 20;
const longest = 500;

/** What has no health check counts as working once it has run so long (ms): most of what cannot work ends at once. */
const settling = 500;

/** Answers once all are; throws in Compose's words when one can no longer be. */
export async function awaitService(
  context: AwaitContext,
  { names, condition, required, service }: Extract<Action, { kind: "awaitService" }>,
): Promise<void> {
  try {
    await Promise.all(names.map((name) => awaitContainer(context, name, condition, service)));
  } catch (error) {
    if (required) throw error;
    context.progress.warn(`optional dependency ${JSON.stringify(service)} failed to start: ${messageOf(error)}`);
  }
}

async function awaitContainer(
  { client, signal, idOf }: AwaitContext,
  name: string,
  condition: WaitCondition,
  service: string,
): Promise<void> {
  const begin = performance.now();
  for (let pause = shortest; ; pause = Math.min(pause * 1.5, longest)) {
    const found = await inspect(client, idOf(name));
    if (found === null) throw new Error(`dependency failed to start: container ${name} is gone`);
    const verdict = verdictOf(found, name, condition, service);
    const isNew = Date.now() - Date.parse(found.State.StartedAt) < settling && performance.now() - begin < settling;
    if (verdict === "met" && !(condition === "running_or_healthy" && !found.State.Health && isNew)) return;
    if (typeof verdict === "object") throw new Error(verdict.failed);
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}

async function inspect(client: Client, id: string): Promise<ContainerInspectResponse | null> {
  try {
    return await client.json<ContainerInspectResponse>(to(paths.containerInspect, { id }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

type Verdict = "met" | "wait" | { readonly failed: string };

/** What one look says. */
export function verdictOf(
  { State }: Pick<ContainerInspectResponse, "State">,
  name: string,
  condition: WaitCondition,
  service: string,
): Verdict {
  const ended = State.Status === "exited" || State.Status === "dead";
  if (condition === "service_completed_successfully") {
    if (!ended) return "wait";
    if (State.ExitCode === 0) return "met";
    return { failed: `service ${JSON.stringify(service)} didn't complete successfully: exit ${State.ExitCode}` };
  }
  const health = State.Health?.Status ?? "none";
  const prefix = condition === "service_healthy" ? "dependency failed to start: " : "";
  if (ended) return { failed: `${prefix}container ${name} exited (${State.ExitCode})` };
  if (State.Status !== "running") return "wait";
  if (health === "none") {
    if (condition === "running_or_healthy") return "met";
    return { failed: `${prefix}container ${name} has no healthcheck configured` };
  }
  if (health === "healthy") return "met";
  if (health === "unhealthy") return { failed: `${prefix}container ${name} is unhealthy` };
  return "wait";
}
