/** What a finished command left: its output as text and its exit code (128+n for signal n). */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Multiplies every time-out of the tests: DHOW_TEST_SLOW, for emulated machines; 1 unless set. */
export const slowness = Number(process.env.DHOW_TEST_SLOW || 1);

export interface CommandOptions {
  readonly stdin?: string | Uint8Array | Blob | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Runs a command to its end; a time-out (60 s unless told, times {@link slowness}) kills it and throws. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = Bun.spawn([...command], {
    stdin:
      options.stdin === undefined
        ? "ignore"
        : options.stdin instanceof Blob
          ? options.stdin
          : new Blob([options.stdin as string]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      child.kill("SIGKILL");
    },
    (options.timeoutMs ?? 60_000) * slowness,
  );
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  clearTimeout(timer);
  if (timedOut) throw new Error(`timed out: ${command.join(" ")}\n${stdout}\n${stderr}`);
  return { code, stdout, stderr };
}

/** Runs a command that must succeed; its trimmed stdout. */
export async function succeed(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(command, options);
  if (result.code !== 0) throw new Error(`${command.join(" ")} -> ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result.stdout.trim();
}

/** Waits until `condition` gives a truthy value; throws with `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs * slowness;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs * slowness} ms for ${what}`);
    await Bun.sleep(10);
  }
}
