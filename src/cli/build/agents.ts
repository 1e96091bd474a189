/** Agents for `--ssh`: those that run already, and one of OpenSSH's for each set of key files, which ends with the build. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExitError } from "../command.ts";
import type { BuildSsh } from "./ssh-agents.ts";

export interface Agents extends AsyncDisposable {
  /** Sockets by id. */
  readonly sockets: Readonly<Record<string, string>>;
}

/** Exits for a key that cannot be read or wants a passphrase that nobody types. */
export async function startAgents(wanted: readonly BuildSsh[]): Promise<Agents> {
  await using stack = new AsyncDisposableStack();
  const sockets: Record<string, string> = {};
  for (const { id, from } of wanted) {
    sockets[id] = "socket" in from ? from.socket : await startAgent(id, from.keys, stack);
  }
  const kept = stack.move();
  return { sockets, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function startAgent(id: string, keys: readonly string[], stack: AsyncDisposableStack): Promise<string> {
  for (const program of ["ssh-agent", "ssh-add"]) {
    if (Bun.which(program) === null)
      throw new ExitError(
        1,
        `ssh agent ${JSON.stringify(id)}: key files need ${program} (openssh-client), which is not there`,
      );
  }
  const directory = await mkdtemp(join(tmpdir(), "dhow-ssh-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const socket = join(directory, "agent");
  // In the foreground, so that it ends with us.
  const agent = Bun.spawn(["ssh-agent", "-D", "-a", socket], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  stack.defer(async () => {
    agent.kill();
    await agent.exited;
  });
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  for (
    let tries = 0;
    !(await Bun.file(socket)
      .exists()
      .catch(() => false)) && !(await isThere(socket));
    tries++
  ) {
    if (tries > 100 || agent.exitCode !== null)
      throw new ExitError(1, `ssh agent ${JSON.stringify(id)}: ssh-agent did not start`);
    await Bun.sleep(10);
  }
  for (const key of keys) {
    const add = Bun.spawn(["ssh-add", "-q", key], { env, stdin: "inherit", stdout: "ignore", stderr: "pipe" });
    const complaint = (await new Response(add.stderr).text()).trim();
    if ((await add.exited) !== 0)
      throw new ExitError(
        1,
        `ssh agent ${JSON.stringify(id)}: failed to add ${key}: ${complaint || "ssh-add refused it"}`,
      );
  }
  return socket;
}

async function isThere(path: string): Promise<boolean> {
  const { lstat } = await import("node:fs/promises");
  return (await lstat(path).catch(() => null)) !== null;
}
