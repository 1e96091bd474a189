/** The daemon's sockets. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { connect, type Server, type Socket } from "node:net";
import { hostname } from "node:os";
import { dirname } from "node:path";
import type { HostAddress } from "./host-address.ts";
import type { Logger } from "./log.ts";
import type { ServeOptions } from "./server.ts";
import type { TlsTexts } from "./tls-files.ts";

export interface ListenerOptions {
  readonly hosts: readonly HostAddress[];
  readonly group: string;
  readonly groupWanted: boolean;
  /** Undefined serves TCP in the clear. */
  readonly tls: TlsTexts | undefined;
  readonly serve: (how: ServeOptions) => Server;
  readonly log: Logger;
  /** File descriptors that systemd handed over. */
  readonly inherited: readonly number[];
}

/** All sockets open; disposing closes them and every connection, and takes the socket files away. */
export interface Listeners extends AsyncDisposable {
  readonly addresses: readonly string[];
}

/** Opens every socket, or none. */
export async function openListeners(options: ListenerOptions): Promise<Listeners> {
  await using stack = new AsyncDisposableStack();
  const addresses: string[] = [];
  for (const host of options.hosts) {
    if (host.kind === "unix") {
      stack.use(await listenUnix(host.path, options));
      addresses.push(`unix://${host.path}`);
    } else if (host.kind === "tcp") {
      const listener = stack.use(await listenTcp(host, options));
      addresses.push(`tcp://${host.host.includes(":") ? `[${host.host}]` : host.host}:${listener.port}`);
    } else {
      if (options.inherited.length === 0)
        throw new Error("no sockets found via socket activation: make sure the service was started by systemd");
      for (const fd of options.inherited) {
        const how = isUnixSocket(fd) ? {} : { allowedHosts: allowedHosts() };
        stack.use(await listening(options.serve(how), (server) => server.listen({ fd })));
        addresses.push(`fd://${fd}`);
      }
    }
  }
  const owned = stack.move();
  for (const address of addresses) options.log.info(`API listen on ${address}`);
  return { addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listenUnix(path: string, options: ListenerOptions): Promise<AsyncDisposable> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path);
  const gid = groupId(options);
  // Nobody else may connect in the moment between bind and chmod.
  const umask = process.umask(0o177);
  let server: AsyncDisposable;
  try {
    server = await listening(options.serve({}), (unbound) => unbound.listen(path));
  } finally {
    process.umask(umask);
  }
  chownSync(path, 0, gid);
  chmodSync(path, 0o660);
  return {
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(path, { force: true });
    },
  };
}

/** A socket file that nobody answers on is what a crash left; one that somebody answers on is not ours to take. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const answered = await new Promise<boolean>((resolve, reject) => {
    const probe = connect(path);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(new Error(`can't use unix socket ${path}: ${error.message}`));
    });
    probe.on("close", () => resolve(false));
  });
  if (answered) throw new Error(`can't create unix socket ${path}: it is in use by another process`);
  rmSync(path, { force: true });
}

function groupId({ group, groupWanted, log }: ListenerOptions): number {
  if (/^\d+$/.test(group)) return Number(group);
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${group}:`));
  const gid = Number(line?.split(":")[2]);
  if (Number.isInteger(gid)) return gid;
  if (groupWanted) throw new Error(`group ${group} not found`);
  log.debug(`group ${group} not found: only root may use the socket`);
  return 0;
}

async function listenTcp({ host, port }: { host: string; port: number }, options: ListenerOptions): Promise<Listening> {
  const { tls } = options;
  if (!tls) options.log.warn(`API on tcp://${host}:${port} is open to everybody who can connect`);
  const server = options.serve({
    allowedHosts: allowedHosts(host),
    ...(tls && { tls: { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" } }),
  });
  return listening(server, (unbound) => unbound.listen({ host, port }));
}

/** The names under which a listener may be asked; addresses are always taken. */
const allowedHosts = (host = "localhost"): Set<string> => new Set([host.toLowerCase(), hostname().toLowerCase()]);

/** Whether an inherited descriptor is a unix socket: the kernel lists those by inode, proc_net_unix(5). */
function isUnixSocket(fd: number): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const lines = readFileSync("/proc/self/net/unix", "utf8").split("\n");
  return lines.some((line) => line.split(/\s+/)[6] === inode);
}

interface Listening extends AsyncDisposable {
  /** 0 for a unix socket. */
  readonly port: number;
}

function listening(server: Server, listen: (server: Server) => void): Promise<Listening> {
  const open = new Set<Socket>();
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  };
  server.on("connection", track);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : 0,
        async [Symbol.asyncDispose]() {
          const closed = new Promise<void>((done) => server.close(() => done()));
          for (const socket of open) socket.destroy();
          await closed;
        },
      });
    });
    listen(server);
  });
}

/** The sockets that systemd passed to this very process (sd_listen_fds(3)); the variables are taken away from children. */
export function takeInheritedSockets(environment: Record<string, string | undefined>): number[] {
  const count = environment.LISTEN_PID === String(process.pid) ? Number(environment.LISTEN_FDS ?? 0) : 0;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
  return Array.from({ length: count }, (_, index) => 3 + index);
}
