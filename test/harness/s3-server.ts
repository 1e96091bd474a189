/** A stand-in for an S3-compatible store (test/clients/s3-server.mjs) on a free loopback port, with a bucket of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./command.ts";
import { freePort } from "./own-registry.ts";

export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** What a registry is told to use it. */
  readonly flags: string[];
  /** Ends it; what it holds stays. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const dir = mkdtempSync(join(tmpdir(), "dhow-s3-"));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = join(dir, "credentials");
  writeFileSync(credentials, "[default]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n");
  const script = new URL("../clients/s3-server.mjs", import.meta.url).pathname;
  // The stand-in makes its tokens for the next page with a cipher that OpenSSL has put aside.
  const node = ["node", "--openssl-legacy-provider"];
  const serve = () =>
    Bun.spawn([...node, script, join(dir, "data"), String(port), "registry"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  let child = serve();
  const answers = () => until("the S3 stand-in", () => fetch(endpoint).then(Boolean, () => false));
  await answers();
  const server: S3Server = {
    endpoint,
    flags: [
      "--s3-bucket",
      "registry",
      "--s3-endpoint",
      endpoint,
      "--s3-prefix",
      "own",
      "--s3-credentials",
      credentials,
    ],
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async start() {
      child = serve();
      await answers();
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return server;
}
