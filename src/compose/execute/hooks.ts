/** `post_start` and `pre_stop`: commands run inside a service's container. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecInspectResponse, IDResponse } from "../../api/exec.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { stdioFrames } from "../../lib/stdio-frames.ts";
import { environmentOf } from "../create/values.ts";
import type { Hook } from "../model/lifecycle.ts";

/** Where the output of hooks goes. */
export interface HookOutput {
  write(bytes: Uint8Array, stream: "stdout" | "stderr"): void;
  /** After the last hook. */
  end(): void;
}

/** Runs them one after another; throws for the first that fails, named by `what`. */
export async function runHooks(
  client: Client,
  container: string,
  hooks: readonly Hook[],
  what: string,
  output?: HookOutput,
): Promise<void> {
  using _ = { [Symbol.dispose]: () => output?.end() };
  for (const hook of hooks) {
    const code = await runHook(client, container, hook, output);
    if (code !== 0) throw new Error(`${what} hook exited with status ${code}`);
  }
}

/** The command's exit code. */
export async function runHook(client: Client, container: string, hook: Hook, output?: HookOutput): Promise<number> {
  const json = {
    User: hook.user ?? "",
    Privileged: hook.privileged ?? false,
    Env: environmentOf(hook.environment),
    WorkingDir: hook.working_dir ?? "",
    Cmd: hook.command ?? [],
    AttachStdout: true,
    AttachStderr: true,
  };
  const { Id: id } = await client.json<IDResponse>(to(paths.execCreate, { id: container }), { json });
  const { stream } = await client.hijack(to(paths.execStart, { id }), { json: { Detach: false, Tty: false } });
  // The end of its output is that of the command, whoever reads it.
  for await (const { payload, stream: from } of stdioFrames(piecesOf(stream))) output?.write(payload, from);
  stream.close();
  for (;;) {
    const { Running, ExitCode } = await client.json<ExecInspectResponse>(to(paths.execInspect, { id }));
    if (!Running) return ExitCode ?? 0;
    await sleep(20);
  }
}

async function* piecesOf(stream: { read(): Promise<Uint8Array | null> }): AsyncGenerator<Uint8Array> {
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) yield bytes;
}
