/** What `create`, `run`, `start -a` and `attach` share: pull if absent, create, join, wait, exit code. */

import type { ContainerCreateResponse, ContainerInspectResponse, ContainerWaitResponse } from "../../api/containers.ts";
import { paths } from "../../api/paths.ts";
import { startingHeader } from "../../api/session.ts";
import { ApiError, type Client, type Hijacked } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { checkPlatform } from "../image/platform.ts";
import { checkImage, isFullId } from "../image/reference.ts";
import { CidFile } from "./cid-file.ts";
import type { CreateFlags } from "./create-flags.ts";
import type { CreateBody } from "./create-request.ts";
import { requireSecrets } from "./secrets.ts";
import { type Step, stepsOf, timingsHeader } from "./timings.ts";

export interface Created {
  readonly id: string;
  readonly steps: Step[];
}

/** Ends `create` or `run`, whose messages name the client and its help. */
export function failureOf(cli: Cli, verb: string, error: unknown, code = 125): ExitError {
  return new ExitError(
    code,
    `${cli.name}: ${messageOf(error)}\n\nRun '${cli.name} ${verb} --help' for more information`,
  );
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
  await using cidFile = await CidFile.open(flags.cidfile);
  checkImage(image);
  checkPlatform(flags.platform);
  const pull = async (): Promise<void> => {
    const { pullImage } = await import("../image/pull.ts");
    await pullImage(cli, image, { platform, quiet: flags.quiet, output: cli.stderr });
  };
  const create = () =>
    client.jsonAndHeaders<ContainerCreateResponse>(to(paths.containerCreate, {}, { name: flags.name, platform }), {
      json: body,
      ...(timed && { headers: timingsHeader }),
    });
  if (flags.secret.length > 0) await requireSecrets(client);
  if (flags.pull === "always") await pull();
  let reply: Awaited<ReturnType<typeof create>>;
  try {
    reply = await create();
  } catch (error) {
    // An image of another platform is told by 404 too: the one that was asked for may be in the registry.
    const absent = error instanceof ApiError && error.status === 404;
    if (!absent || isFullId(image) || flags.pull !== "missing") throw error;
    if (!flags.quiet) cli.err(`Unable to find image '${withTag(image)}' locally\n`);
    await cli.flush();
    await pull();
    reply = await create();
  }
  for (const warning of reply.value.Warnings ?? []) cli.err(`WARNING: ${warning}\n`);
  await cidFile?.write(reply.value.Id);
  return { id: reply.value.Id, steps: stepsOf(reply.headers) };
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
    return exitCodeOf(JSON.parse(text) as ContainerWaitResponse);
  })();
  // Whoever needs the code awaits it; until then a failure is not unhandled.
  code.catch(() => undefined);
  return { code };
}

/** The exit code that a wait brought; throws what the daemon says went wrong. */
export function exitCodeOf({ StatusCode, Error: error }: ContainerWaitResponse): number {
  if (error?.Message) throw new ExitError(125, `Error waiting for container: ${error.Message}`);
  return StatusCode;
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

/** What is typed for the detach keys: the flag, else config.json. The daemon refuses what it does not understand. */
export async function chosenDetachKeys(cli: Cli, given: string): Promise<string> {
  return given || (await cli.config()).detachKeys || "";
}

/**
 * Joins a container's streams; a refusal is told by its status alone, as there is no reply to read a message from, unless it is
 * the start that failed.
 */
export async function hijackStreams(client: Client, ...call: Parameters<Client["hijack"]>): Promise<Hijacked> {
  try {
    return await client.hijack(...call);
  } catch (error) {
    if (!(error instanceof ApiError) || error.headers.has(startingHeader.toLowerCase())) throw error;
    throw new ExitError(1, `unable to upgrade to tcp, received ${error.status}`);
  }
}
