/**
 * The role `dhow netd --exec-root DIR --instance NAME [--no-firewall] [--no-firewall6] [--no-ip-forward] [--no-proxies]`: owner of the engine's table, its bridges, its
 * containers' namespaces and published ports. It outlives the daemon and ends by itself some seconds after the last
 * daemon has left when no container needs it.
 */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tryLock } from "../../linux/flock.ts";
import { trimWhenIdle } from "../../linux/idle-trim.ts";
import { Rtnetlink } from "../../linux/rtnetlink.ts";
import { Bridges } from "./bridges.ts";
import { Firewall } from "./firewall.ts";
import { letIpv4Through } from "./forwarding.ts";
import { serveLines } from "./lines.ts";
import { Namespaces } from "./namespaces.ts";
import { Neighbours } from "./neighbours.ts";
import { Parents } from "./parents.ts";
import { Ports } from "./ports.ts";
import { type Method, type Methods, protocolVersion } from "./protocol.ts";
import { Sandboxes } from "./sandboxes.ts";
import { UpperLinks } from "./upper-links.ts";
import { UserChain } from "./user-chain.ts";
import { VethLinks } from "./veth-links.ts";

/** Namespaces kept ready. */
const poolSize = 4;

/** How long an unused netd waits for another daemon. */
const lonelyMs = 10_000;

/** How often is looked at what others may change: switches of br_netfilter, rules on old kernels. */
const lookEveryMs = 4000;

/** How long another netd may take to listen or to end. */
const rivalMs = 60_000;

type Handlers = {
  [M in Method]: (params: Methods[M]["params"]) => Promise<Methods[M]["result"]> | Methods[M]["result"];
};

export async function netdMain(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      "exec-root": { type: "string" },
      instance: { type: "string", default: "dhow" },
      "no-firewall": { type: "boolean", default: false },
      "no-firewall6": { type: "boolean", default: false },
      "no-ip-forward": { type: "boolean", default: false },
      "no-proxies": { type: "boolean", default: false },
    },
  });
  const execRoot = values["exec-root"];
  if (!execRoot) throw new Error("netd: --exec-root is required");
  const socketPath = join(execRoot, "netd.sock");
  mkdirSync(execRoot, { recursive: true, mode: 0o700 });
  // Held to the end of the process: one that ends gives everything back before the next takes the socket's name.
  const until = Date.now() + rivalMs;
  for (;;) {
    if (await answers(socketPath)) return;
    if (tryLock(join(execRoot, "netd.lock"))) break;
    if (Date.now() > until) throw new Error("netd: another netd holds the lock and does not answer");
    await Bun.sleep(10);
  }
  rmSync(socketPath, { force: true });

  for (const signal of ["SIGHUP", "SIGPIPE"] as const) process.on(signal, () => {});
  const [forwards, proxies] = [!values["no-ip-forward"], !values["no-proxies"]];
  if (forwards) letIpv4Through();

  const host = new Rtnetlink();
  const carried = { ipv4: !values["no-firewall"], ipv6: !values["no-firewall6"] };
  const firewall = carried.ipv4 || carried.ipv6 ? new Firewall(values.instance, carried) : null;
  const neighbours = firewall ? new Neighbours(values.instance) : null;
  const userChain = firewall ? new UserChain(values.instance) : null;
  const bridges = new Bridges(host, firewall, values.instance, forwards);
  const namespaces = new Namespaces(join(execRoot, "netns"), host, poolSize);
  const parents = new Parents(host, values.instance);
  const drivers = { veth: new VethLinks(host, bridges, namespaces), upper: new UpperLinks(host, parents) };
  const sandboxes = new Sandboxes(drivers, namespaces, new Ports(firewall, proxies));

  trimWhenIdle();
  const aligning = setInterval(() => {
    bridges.realign();
    firewall?.repair();
  }, lookEveryMs);

  let server: Server | undefined;
  let clients = 0;
  let lonely: ReturnType<typeof setTimeout> | undefined;

  let ended = false;
  // Whoever waits for the end of our connections knows then that everything has been given back.
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    let status = 0;
    const step = async (give: () => unknown): Promise<void> => {
      try {
        await give();
      } catch (error) {
        status = 1;
        process.stderr.write(`netd: at the end: ${error}\n`);
      }
    };
    server?.close();
    clearInterval(aligning);
    rmSync(socketPath, { force: true });
    for (const { containerId } of sandboxes.list()) await step(() => sandboxes.detach(containerId));
    await step(() => namespaces[Symbol.asyncDispose]());
    for (const name of bridges.names()) await step(() => bridges.remove(name));
    for (const name of parents.names()) await step(() => parents.remove(name));
    await step(() => neighbours?.[Symbol.dispose]());
    await step(() => userChain?.[Symbol.dispose]());
    await step(() => firewall?.[Symbol.dispose]());
    await step(() => sandboxes.sweep());
    process.exit(status);
  };
  // Whoever stops the daemon's unit must not stop the containers' network.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (sandboxes.size === 0) void end();
    });
  }
  const watchLoneliness = (): void => {
    clearTimeout(lonely);
    if (clients === 0 && sandboxes.size === 0) lonely = setTimeout(() => void end(), lonelyMs);
  };

  const handlers: Handlers = {
    hello: () => ({
      version: protocolVersion,
      pid: process.pid,
      bridges: bridges.names(),
      parents: parents.names(),
      firewall: carried,
      ipForward: forwards,
      proxies,
    }),
    ensureBridge: ({ pooled, ...spec }) => {
      const bridge = bridges.ensure(spec);
      neighbours?.cover(bridges.specs());
      if (pooled) namespaces.poolOn(bridge);
      return {};
    },
    removeBridge: ({ name }) => {
      bridges.remove(name);
      neighbours?.cover(bridges.specs());
      return {};
    },
    userChain: ({ kept }) => {
      userChain?.keep(kept);
      return {};
    },
    ensureParent: (spec) => {
      parents.ensure(spec);
      return {};
    },
    removeParent: ({ name }) => {
      parents.remove(name);
      return {};
    },
    attach: ({ containerId, endpoints, ports, resolver }) => sandboxes.attach(containerId, endpoints, ports, resolver),
    adopt: (state) => sandboxes.adopt(state),
    leave: ({ containerId, pid }) => {
      sandboxes.leaveTo(pid, containerId);
      return {};
    },
    detach: ({ containerId }) => {
      sandboxes.detach(containerId);
      return {};
    },
    connect: ({ containerId, endpoint, ports, resolver }) => sandboxes.connect(containerId, endpoint, ports, resolver),
    rename: ({ containerId, segment, names }) => sandboxes.rename(containerId, segment, names),
    republish: ({ containerId, add, remove }) => sandboxes.republish(containerId, add, remove),
    disconnect: ({ containerId, segment, routes }) => sandboxes.disconnect(containerId, segment, routes),
    list: () => sandboxes.list(),
    stats: ({ containerId }) => sandboxes.stats(containerId),
    sweep: () => {
      bridges.sweep();
      parents.sweep();
      firewall?.sweep();
      return { dropped: sandboxes.sweep() };
    },
    shutdown: () => {
      setImmediate(() => void end());
      return {};
    },
  };

  // What one container's sockets or links do must not end the network of all. A netd that cannot start ends, though.
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(`netd: ${event}: ${error instanceof Error ? error.stack : error}\n`);
    });
  }
  process.umask(0o077);
  server = createServer((socket) => {
    clients++;
    clearTimeout(lonely);
    socket.on("close", () => {
      clients--;
      watchLoneliness();
    });
    serveLines(socket, (method, params) => {
      const handle = (handlers as Record<string, ((params: never) => unknown) | undefined>)[method];
      if (!handle) throw new Error(`netd does not know the method "${method}"`);
      return handle(params as never);
    });
  });
  server.on("error", (error) => {
    process.stderr.write(`netd: ${error}\n`);
    process.exit(1);
  });
  server.listen(socketPath, () => {
    chmodSync(socketPath, 0o600);
    watchLoneliness();
  });
}

/** True when another netd serves that socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
