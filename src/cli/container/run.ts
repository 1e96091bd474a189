/** What `create`, `run`, `start -a` and `attach` share: pull if absent, create, join, wait, exit code. */

import type { ContainerCreateResponse, ContainerInspectResponse, ContainerWaitResponse } from "../../api/containers.ts";
import { paths } from "../../api/paths.ts";
import { ApiError, type Client, to } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import type { CreateFlags } from "./create-flags.ts";
import type { CreateBody } from "./create-request.ts";
import { type Step, stepsOf, timingsHeader } from "./timings.ts";

export interface Created {
  readonly id: string;
  readonly steps: Step[];
}

/** Creates the container, pulling its image when policy and absence say so. */
export async function createContainer(
  cli: Cli,
  client: Client,
  flags: CreateFlags,
  body: CreateBody,
  timed: boolean,
): Promise<Created> {
  const image = body.Image ?? "";
  const platform = flags.platform || process.env.DOCKER_DEFAULT_PLATFORM || "";
  if (flags.cidfile) await refuseExisting(flags.cidfile);
  if (!["always", "missing", "never"].includes(flags.pull)) {
    throw new ExitError(125, `invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  }
  const pull = async (): Promise<void> => {
    const { pullImage } = await import("../image/pull.ts");
    await pullImage(cli, image, { platform, quiet: flags.quiet, output: cli.stderr });
  };
  const create = () =>
    client.jsonAndHeaders<ContainerCreateResponse>(to(paths.containerCreate, {}, { name: flags.name, platform }), {
      json: body,
      ...(timed && { headers: timingsHeader }),
    });
  if (flags.pull === "always") await pull();
  let reply: Awaited<ReturnType<typeof create>>;
  try {
    reply = await create();
  } catch (error) {
    // An image of another platform is told by 404 too: the one that was asked for may be in the registry.
    const absent = error instanceof ApiError && error.status === 404;
    if (!absent || flags.pull !== "missing") throw error;
    if (!flags.quiet) cli.err(`Unable to find image '${withTag(image)}' locally\n`);
    await cli.flush();
    await pull();
    reply = await create();
  }
  for (const warning of reply.value.Warnings ?? []) cli.err(`WARNING: ${warning}\n`);
  if (flags.cidfile) await Bun.write(flags.cidfile, reply.value.Id);
  return { id: reply.value.Id, steps: stepsOf(reply.headers) };
}

async function refuseExisting(path: string): Promise<void> {
  if (!(await Bun.file(path).exists())) return;
  throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
}

/** A name as messages show it: with `:latest` when it has neither tag nor digest. */
export function withTag(image: string): string {
  return image.includes("@") || /:[^/]*$/.test(image) ? image : `${image}:latest`;
}

/** Waits with the daemon's answer streamed, so that the wait is known to be in place before the start. */
export async function beginWait(client: Client, id: string, condition: string): Promise<{ code: Promise<number> }> {
  const { body } = await client.stream(to(paths.containerWait, { id }, { condition }));
  const code = (async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of body) text += decoder.decode(piece, { stream: true });
    const { StatusCode, Error: error } = JSON.parse(text) as ContainerWaitResponse;
    if (error?.Message) throw new ExitError(125, `Error waiting for container: ${error.Message}`);
    return StatusCode;
  })();
  // Whoever needs the code awaits it; until then a failure is not unhandled.
  code.catch(() => undefined);
  return { code };
}

/** The exit code of a failed start: 127 for what is not there, 126 for what cannot be run, else 125. */
export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return 125;
}

/** Refuses `-it` without a terminal, in Docker's words. */
export async function requireTerminal(tty: boolean, stdin: boolean): Promise<void> {
  if (!tty || !stdin) return;
  const { isTerminal } = await import("../../lib/terminal.ts");
  if (!isTerminal(0)) throw new ExitError(1, "the input device is not a TTY");
}

export function inspectContainer(client: Client, name: string): Promise<ContainerInspectResponse> {
  return client.json<ContainerInspectResponse>(to(paths.containerInspect, { id: name }));
}

/** What is typed for the detach keys: the flag, else config.json. */
export async function chosenDetachKeys(cli: Cli, given: string): Promise<string> {
  const keys = given || (await cli.config()).detachKeys || "";
  if (keys) {
    const { parseDetachKeys } = await import("../../lib/terminal.ts");
    try {
      parseDetachKeys(keys);
    } catch (error) {
      throw new Error(`invalid detach keys (${keys}): ${error instanceof Error ? error.message : error}`);
    }
  }
  return keys;
}
