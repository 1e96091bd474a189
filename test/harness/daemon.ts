/**
 * Daemons for tests: each has its own data root, run root, socket, bridge and address pool, so that several run side
 * by side and beside a real dockerd. A test daemon is given back whole by `await using`.
 */
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandResult, run, slowness } from "./command.ts";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** The release binary. */
export const dhowBinary = `${dist}dhow`;
/** The same sources with fail points on. */
export const dhowTestBinary = `${dist}dhow-test`;

/** The two clients every case runs through. */
export const clients = ["dhow", "docker"] as const;
export type Client = (typeof clients)[number];

export interface DaemonOptions {
  /** Uses the binary with fail points. */
  readonly failPoints?: string;
  readonly flags?: readonly string[];
  /** Below it the daemon has its exec root, as below `/run`; else that is beside the data. */
  readonly runDirectory?: string;
  /** False leaves away what tests set by file: `--debug`, and how long containers may take to stop. */
  readonly debug?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** As many as there are hundreds of ports for them; a whole run starts more daemons than this, one after the other. */
const slots = 199;
let lastSlot = 0;

/** A number that no other test daemon on this machine holds, the one least lately used here: a directory made exclusively. */
function claimSlot(): { slot: number; lock: string } {
  for (let tried = 0; tried < slots; tried++) {
    const slot = (lastSlot % slots) + 1;
    lastSlot = slot;
    const lock = join(tmpdir(), `dhow-test-slot-${slot}`);
    try {
      mkdirSync(lock);
      return { slot, lock };
    } catch {}
  }
  throw new Error("no free slot for a test daemon");
}

/** Runs `client` (with `args`) against a unix socket. */
export function runClient(
  client: Client,
  socket: string,
  args: readonly string[],
  options: { stdin?: string | Uint8Array; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<CommandResult> {
  const binary = client === "dhow" ? dhowBinary : "docker";
  const env = { DHOW_AUTOSTART: "0", DOCKER_HOST: `unix://${socket}`, ...options.env };
  return run([binary, ...args], { ...options, env });
}

export class TestDaemon implements AsyncDisposable {
  readonly root: string;
  readonly slot: number;
  readonly #lock: string;
  readonly #options: DaemonOptions;
  #child: Bun.Subprocess | undefined;

  private constructor(options: DaemonOptions) {
    const { slot, lock } = claimSlot();
    this.slot = slot;
    this.#lock = lock;
    this.#options = options;
    this.root = mkdtempSync(join(tmpdir(), `dhow-e2e-${slot}-`));
  }

  /** The roots, socket and addresses of a daemon that the test starts in its own way, and stops itself. */
  static reserve(options: DaemonOptions = {}): TestDaemon {
    return new TestDaemon(options);
  }

  static async start(options: DaemonOptions = {}): Promise<TestDaemon> {
    const daemon = TestDaemon.reserve(options);
    try {
      await daemon.start();
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return join(this.root, "dhow.sock");
  }
  get dataRoot(): string {
    return join(this.root, "data");
  }
  get execRoot(): string {
    return this.#options.runDirectory ? join(this.#options.runDirectory, basename(this.root)) : join(this.root, "exec");
  }
  get bridge(): string {
    return `dhowt${String(this.slot).padStart(3, "0")}`; // no name is the beginning of another
  }
  /** One of a hundred host ports that no other test daemon of this machine has, below those that the kernel gives to clients. */
  port(n: number): number {
    return 10_000 + this.slot * 100 + n;
  }
  get logFile(): string {
    return join(this.root, "daemon.log");
  }
  get #failPointFile(): string {
    return join(this.root, "fail-points");
  }
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The daemon's flags, for tests that start one by hand. */
  get flags(): string[] {
    return [
      `--data-root=${this.dataRoot}`,
      `--exec-root=${this.execRoot}`,
      `--host=unix://${this.socket}`,
      `--pidfile=${join(this.root, "dhow.pid")}`,
      `--bridge-name=${this.bridge}`,
      `--bip=10.213.${this.slot}.1/24`,
      `--default-address-pool=base=10.214.${this.slot}.0/24,size=27`,
      // Many a test leaves a first process behind that takes no SIGTERM.
      ...(this.#options.debug === false ? [] : ["--debug", "--shutdown-timeout=1"]),
      ...(this.#options.flags ?? []),
    ];
  }

  /** Starts (or starts again) and waits until `/_ping` answers. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const failPoints = env.DHOW_FAIL_POINTS ?? this.#options.failPoints;
    const binary = this.#options.failPoints === undefined ? dhowBinary : dhowTestBinary;
    const log = openSync(this.logFile, "a");
    const child = Bun.spawn([binary, "daemon", ...this.flags], {
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        ...this.#options.env,
        ...env,
        // One way or the other: the file's settings would stand in for the variable's.
        ...(failPoints ? { DHOW_FAIL_POINTS: failPoints } : { DHOW_FAIL_POINTS_FILE: this.#failPointFile }),
      },
    });
    this.#child = child;
    const deadline = Date.now() + 20_000 * slowness;
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`daemon exited with ${child.exitCode ?? child.signalCode}:\n${this.log()}`);
      if (existsSync(this.socket)) {
        try {
          const answer = await fetch("http://d/_ping", { unix: this.socket });
          if (answer.ok) return;
        } catch {}
      }
      await Bun.sleep(5);
    }
    throw new Error(`daemon did not answer in ${20 * slowness} s:\n${this.log()}`);
  }

  /** Sets the fail points of all processes of an engine that was started with none in its environment; "" is none. */
  arm(settings: string): void {
    writeFileSync(this.#failPointFile, settings);
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  /** Ends the daemon process alone, as a crash would, and waits until it is gone. */
  async kill9(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  /** Processes of the daemon's netd; none between two. */
  async netdPids(): Promise<number[]> {
    const { stdout } = await run(["pgrep", "-f", `netd --exec-root ${this.execRoot} `]);
    return stdout.trim().split("\n").filter(Boolean).map(Number);
  }

  /** Waits until the daemon ends by itself (a fail point's kill) and returns. */
  async died(): Promise<void> {
    await this.#child?.exited;
  }

  /** SIGTERM: the daemon goes, the containers stay. */
  async terminate(): Promise<number> {
    this.#child?.kill("SIGTERM");
    return (await this.#child?.exited) ?? 0;
  }

  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.terminate();
    await this.start(env);
  }

  run(client: Client, ...args: string[]): Promise<CommandResult> {
    return runClient(client, this.socket, args);
  }

  dhow(...args: string[]): Promise<CommandResult> {
    return this.run("dhow", ...args);
  }

  docker(...args: string[]): Promise<CommandResult> {
    return this.run("docker", ...args);
  }

  /** Runs dhow, which must succeed; its stdout. A failure tells what the engine's processes logged last. */
  async must(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.dhow(...args);
    if (code === 0) return stdout;
    throw new Error(`dhow ${args.join(" ")} -> ${code}\n${stderr}\n${this.lastLogged()}`);
  }

  /** The end of what the engine's processes logged. */
  lastLogged(): string {
    const paths = [this.logFile, ...["netd.log", "supervisor.log"].map((name) => join(this.execRoot, name))];
    return paths.map((path) => (existsSync(path) ? readFileSync(path, "utf8").slice(-4000) : "")).join("\n");
  }

  /** A request on the socket, body as JSON. */
  async api<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const answer = await fetch(`http://d${path}`, {
      method,
      unix: this.socket,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    let parsed: unknown = text;
    try {
      parsed = JSON.parse(text);
    } catch {}
    return { status: answer.status, body: parsed as T };
  }

  /** Stops the containers, the supervisor, netd and the daemon; frees everything the test daemon had. */
  async stopAll(): Promise<void> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) {
      await run([dhowBinary, "daemon", "stop", "--all", ...this.flags], { timeoutMs: 30_000 });
      await this.#child.exited;
    }
  }

  /** Throws when something of the daemon resists: what is still mounted or runs is a leak. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#child && (this.#child.exitCode !== null || this.#child.signalCode !== null)) {
        await this.start().catch(() => {});
      }
      await this.stopAll();
    } finally {
      this.#child?.kill("SIGKILL");
      if (process.env.DHOW_KEEP !== "1") {
        for (const dir of [this.execRoot, this.root]) rmSync(dir, { recursive: true, force: true });
      }
      rmSync(this.#lock, { recursive: true, force: true });
    }
  }
}
