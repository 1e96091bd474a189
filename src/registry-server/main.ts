/** The role `dhow registry serve`: a private registry on one directory. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../lib/errors.ts";
import { type FlagValues, HelpRequest, parseFlags, UsageError } from "../lib/flags.ts";
import { describeFlags } from "../lib/flags-help.ts";
import { tryLock } from "../linux/flock.ts";
import { Access } from "./access.ts";
import { Blobs } from "./blobs.ts";
import { browserOptions } from "./browsers.ts";
import { Collector } from "./collector.ts";
import { FileStorage } from "./file-storage.ts";
import { registryFlags } from "./flags.ts";
import { Health } from "./health.ts";
import { Metrics } from "./metrics.ts";
import { Notifications, notificationOptions } from "./notifications/notifications.ts";
import { serveOperator } from "./operator.ts";
import { AskedRetention } from "./proxy/asked-retention.ts";
import { proxyOptions } from "./proxy/options.ts";
import { PullThrough } from "./proxy/pull-through.ts";
import { Upstream } from "./proxy/upstream.ts";
import { Repositories } from "./repositories.ts";
import { ReferencedRetention } from "./retention.ts";
import { Rights } from "./rights.ts";
import type { S3Options } from "./s3/multipart.ts";
import { s3Options } from "./s3/options.ts";
import { S3Storage } from "./s3/s3-storage.ts";
import { Scrubber } from "./scrubber.ts";
import { serveRegistry } from "./server.ts";
import { TokenAuthority, tokenAuthorityOptions } from "./token-authority.ts";
import { Tokens } from "./tokens.ts";
import { keepUp } from "./upkeep.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { Users } from "./users.ts";

/** Time for what listeners have not been told at the end. */
const lastWordsMs = 5000;

/** Runs the role until it is told to end, then exits the process. */
export async function registryMain(args: readonly string[]): Promise<void> {
  try {
    if (args[0] !== "serve")
      throw new UsageError(`expected "serve" after "registry", got ${JSON.stringify(args[0] ?? "")}`);
    const parsed = parseFlags(registryFlags, args.slice(1));
    if (parsed.args.length > 0) throw new UsageError(`"registry serve" accepts no arguments`);
    await serve(parsed.flags);
  } catch (error) {
    if (error instanceof HelpRequest) {
      process.stdout.write(`Usage:  dhow registry serve --root DIR [OPTIONS]\n\nA private registry\n\nOptions:\n`);
      process.stdout.write(`${describeFlags(registryFlags, process.stdout.columns || 100)}\n`);
      process.exit(0);
    }
    const hint = error instanceof UsageError ? "\nSee 'dhow registry serve --help'." : "";
    process.stderr.write(`${messageOf(error)}${hint}\n`);
    process.exit(1);
  }
}

async function serve(values: FlagValues<typeof registryFlags>): Promise<void> {
  const { addr, htpasswd, root } = values;
  const s3 = s3Options(values, process.env);
  if (root === "" && !s3) throw new UsageError("--root is required");
  if (root === "" && values.tokens) throw new UsageError("--tokens needs --root, where its key is kept");
  const [certFile, keyFile] = [values["tls-cert"], values["tls-key"]];
  if ((certFile === "") !== (keyFile === "")) throw new UsageError("--tls-cert and --tls-key go together");
  const { hostname, port } = addressIn("--addr", addr);
  const cache = proxyOptions(values);
  const browsers = browserOptions(values);
  const told = notificationOptions(values);
  const lock = root === "" ? null : await lockOf(root);
  const blobs = new Blobs(s3 ? await openBucket(s3) : await openDirectory(root));
  const repositories = new Repositories(blobs);
  const log = (message: string): void => void process.stderr.write(`${new Date().toISOString()} ${message}\n`);
  if (htpasswd === "" && (values.rights !== "" || values.tokens))
    throw new UsageError("--rights and --tokens need --htpasswd");
  const authority = tokenAuthorityOptions(values, log);
  const access = new Access({
    authority: authority && new TokenAuthority(authority),
    users: htpasswd === "" ? null : new Users(htpasswd, log),
    rights: values.rights === "" ? null : new Rights(values.rights, log),
    tokens: values.tokens ? new Tokens(keyIn(join(root, "dhow-registry.key"))) : null,
  });
  const metrics = new Metrics();
  const notifications = new Notifications(told, { port, count: metrics.notified.bind(metrics), log });
  // A cache's are what it fetches.
  const uploads = new UploadSessions(blobs, {
    sessions: cache ? Number.POSITIVE_INFINITY : values["max-uploads"],
    bytes: cache ? Number.POSITIVE_INFINITY : values["max-upload-bytes"] || Number.POSITIVE_INFINITY,
  });
  const proxy = cache && {
    ...cache,
    repositories,
    uploads,
    upstream: new Upstream(cache.upstream),
    count: metrics.cached.bind(metrics),
    log,
  };
  const server = serveRegistry({
    registry: {
      repositories,
      uploads,
      access,
      proxy: proxy && new PullThrough(proxy),
      deletes: !values["no-delete"],
      notifications,
      readOnly: values["read-only"],
    },
    hostname,
    port,
    ...(certFile === "" ? {} : { tls: { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") } }),
    metrics,
    page: !values["no-page"],
    browsers,
    log,
  });
  const health = new Health(blobs.storage, !values["read-only"]);
  const own = values["metrics-addr"] === "" ? null : addressIn("--metrics-addr", values["metrics-addr"]);
  if (own) log(`metrics on ${serveOperator({ metrics, health }, own.hostname, own.port).url.origin}/metrics`);
  log(`registry on ${server.url.origin}, data in ${s3 ? `${s3.endpoint.origin}/${s3.bucket}/${s3.prefix}` : root}`);
  if (proxy) log(`a cache of ${values["proxy-remote-url"]}`);
  const retention = proxy
    ? new AskedRetention(repositories, proxy)
    : new ReferencedRetention(repositories, values["gc-untagged"]);
  keepUp({
    collector: new Collector(repositories, {
      graceMs: values["gc-grace"] / 1e6,
      retention,
      // Nobody goes on with what a cache that died was fetching.
      uploadMs: (proxy ? 1 : 7 * 24) * 3600_000,
    }),
    scrubber: new Scrubber(blobs),
    collectMs: values["gc-interval"] / 1e6,
    scrubMs: values["scrub-interval"] / 1e6,
    metrics,
    log,
  });
  const end = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end.resolve());
  await end.promise;
  // What is under way may end; a second signal does not wait.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(1));
  await server.stop();
  await notifications.end(lastWordsMs);
  lock?.[Symbol.dispose]();
  process.exit(0);
}

async function openBucket(options: S3Options): Promise<S3Storage> {
  const storage = new S3Storage(options);
  await storage.check();
  return storage;
}

/** Takes away what an earlier registry died of writing. */
async function openDirectory(root: string): Promise<FileStorage> {
  const storage = new FileStorage(root);
  await storage.sweep(Date.now());
  return storage;
}

/** Makes the directory, and keeps other registries from it. */
async function lockOf(root: string): Promise<Disposable> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const lock = tryLock(join(root, "dhow-registry.lock"));
  if (!lock) throw new Error(`another registry serves ${root}`);
  return lock;
}

/** The key of this registry's tokens, made at its first start. */
function keyIn(path: string): Buffer {
  if (!existsSync(path)) writeFileSync(path, randomBytes(32), { mode: 0o600, flag: "wx" });
  const key = readFileSync(path);
  if (key.length < 32) throw new Error(`${path} is no key of a registry`);
  return key;
}

/** `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for all addresses. Throws {@link UsageError}. */
function addressIn(name: string, text: string): { hostname: string; port: number } {
  const [, ipv6, host = "", port = ""] = /^(?:\[([\da-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === "" || Number(port) > 65535)
    throw new UsageError(`invalid ${name} ${JSON.stringify(text)}: expected HOST:PORT`);
  return { hostname: ipv6 ?? (host || "0.0.0.0"), port: Number(port) };
}
