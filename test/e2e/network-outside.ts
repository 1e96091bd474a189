/** Another machine for network tests: a namespace with its own link to this host and routes to everything of ours. */
import { run, succeed } from "../harness/command.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { freshName } from "../harness/fresh-name.ts";

export class Outside implements AsyncDisposable {
  readonly name: string;
  /** This host's address on the link between the two. */
  readonly hostAddress: string;
  readonly address: string;
  /** The same two of IPv6, on a link of 64 bits. */
  readonly hostAddress6: string;
  readonly address6: string;
  readonly #children: Bun.Subprocess[] = [];

  private constructor(name: string, slot: number) {
    this.name = name;
    this.hostAddress = `10.212.${slot}.1`;
    this.address = `10.212.${slot}.2`;
    this.hostAddress6 = `fd00:dd:1:${slot}::1`;
    this.address6 = `fd00:dd:1:${slot}::2`;
  }

  static async of(daemon: TestDaemon): Promise<Outside> {
    const outside = new Outside(await freshName(`dhowo${daemon.slot}`), daemon.slot);
    const { name, address, hostAddress, address6, hostAddress6 } = outside;
    await succeed(["ip", "netns", "add", name]);
    await succeed(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name]);
    await succeed(["ip", "addr", "add", `${hostAddress}/24`, "dev", name]);
    await succeed(["ip", "link", "set", name, "up"]);
    await succeed(["ip", "-n", name, "addr", "add", `${address}/24`, "dev", "eth0"]);
    await succeed(["ip", "-n", name, "link", "set", "eth0", "up"]);
    await succeed(["ip", "-n", name, "link", "set", "lo", "up"]);
    await succeed(["ip", "-n", name, "route", "add", "default", "via", hostAddress]);
    await succeed(["ip", "addr", "add", `${hostAddress6}/64`, "dev", name, "nodad"]);
    await succeed(["ip", "-n", name, "addr", "add", `${address6}/64`, "dev", "eth0", "nodad"]);
    await succeed(["ip", "-n", name, "-6", "route", "add", "default", "via", hostAddress6]);
    return outside;
  }

  /** Status of an HTTP request from there; 0 when there is no answer. */
  ask(url: string, ...more: string[]): Promise<number> {
    return ask(`/run/netns/${this.name}`, url, ...more);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await run(["ip", "link", "delete", this.name]);
    await run(["ip", "netns", "delete", this.name]);
  }
}

/** Status of an HTTP request from a namespace (null is this host); 0 when there is no answer. */
export async function ask(netns: string | null, url: string, ...more: string[]): Promise<number> {
  const curl = ["curl", "-sS", "-g", "-m", "1", "-o", "/dev/null", "-w", "%{http_code}", ...more, url];
  return Number((await run(netns === null ? curl : ["nsenter", `--net=${netns}`, ...curl])).stdout);
}

/** Runs Python in a container's namespace until the end of the test's daemon; returns once it printed a line. */
export const pythonIn = (netns: string, program: string): Promise<Bun.Subprocess> =>
  serveIn(netns, ["python3", "-u", "-c", program]);

/** Runs a command in a container's namespace; returns once it printed something. */
export async function serveIn(netns: string, command: readonly string[]): Promise<Bun.Subprocess> {
  const child = Bun.spawn(["nsenter", `--net=${netns}`, ...command], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  return child;
}

/** Path of the network namespace of a container. */
export async function netnsOf(daemon: TestDaemon, name: string): Promise<string> {
  return (await daemon.dhow("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", name)).stdout.trim();
}

/** A container's IPv6 address in one of its networks. */
export async function address6Of(daemon: TestDaemon, name: string, network = "bridge"): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${network}").GlobalIPv6Address}}`;
  return (await daemon.dhow("inspect", "-f", format, name)).stdout.trim();
}

/** A container's address in one of its networks. */
export async function addressOf(daemon: TestDaemon, name: string, network = "bridge"): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
  return (await daemon.dhow("inspect", "-f", format, name)).stdout.trim();
}
