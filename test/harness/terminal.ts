/** A client on a terminal of its own, for `-t`, resize and detach keys. */
export class TerminalClient implements AsyncDisposable {
  readonly #terminal: Bun.Terminal;
  readonly #child: Bun.Subprocess;
  #output = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string>>, size = { cols: 100, rows: 30 }) {
    this.#terminal = new Bun.Terminal({
      ...size,
      data: (_terminal: unknown, bytes: Uint8Array) => {
        this.#output += Buffer.from(bytes).toString("utf8");
      },
    });
    // Bun hands the terminal over as three descriptors only. A session whose controlling terminal it is gets SIGWINCH and
    // SIGHUP; without one the client would never hear of a resize.
    this.#child = Bun.spawn(["setsid", "--ctty", "--wait", ...command], {
      terminal: this.#terminal,
      env: { ...process.env, ...env },
    });
  }

  /** What the terminal has shown so far. */
  get output(): string {
    return this.#output;
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(cols, rows);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, once what was written last has arrived too. */
  async exited(): Promise<number> {
    const code = await this.#child.exited;
    for (let seen = -1; seen < this.#output.length; await Bun.sleep(20)) seen = this.#output.length;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#terminal.close();
  }
}
