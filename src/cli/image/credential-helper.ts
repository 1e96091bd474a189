/** `docker-credential-NAME` programs: a verb as argument, a server or JSON on standard input, JSON on standard output. */

export interface HelperSecret {
  readonly Username: string;
  /** A password, or an identity token where the name is `<token>`. */
  readonly Secret: string;
}

const doing = { get: "getting", store: "storing", erase: "erasing" } as const;

/** What the helper keeps for a server; null when that is nothing. Throws in Docker's words when it fails. */
export async function getSecret(helper: string, server: string): Promise<HelperSecret | null> {
  const answer = await run(helper, "get", server);
  if (answer === null) return null;
  try {
    const { Username = "", Secret = "" } = JSON.parse(answer) as Partial<HelperSecret>;
    return Username === "" && Secret === "" ? null : { Username, Secret };
  } catch {
    throw new Error(`error getting credentials - err: docker-credential-${helper} answered with no JSON`);
  }
}

export async function storeSecret(helper: string, server: string, secret: HelperSecret): Promise<void> {
  await run(helper, "store", JSON.stringify({ ServerURL: server, ...secret }));
}

/** What was not kept is fine. */
export async function eraseSecret(helper: string, server: string): Promise<void> {
  await run(helper, "erase", server);
}

/** Null when the helper says that it has nothing. What it writes is told only where it failed: it may be a secret. */
async function run(helper: string, verb: keyof typeof doing, input: string): Promise<string | null> {
  const failure = (why: string, output: string): Error =>
    new Error(`error ${doing[verb]} credentials - err: ${why}, out: \`${output.trim()}\``);
  const program = `docker-credential-${helper}`;
  if (Bun.which(program) === null) throw failure(`exec: "${program}": executable file not found in $PATH`, "");
  const child = Bun.spawn([program, verb], { stdin: new Blob([input]), stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code === 0) return text;
  if (text.trim() === "credentials not found in native keychain") return null;
  throw failure(child.signalCode ? `signal: ${child.signalCode}` : `exit status ${code}`, text);
}
