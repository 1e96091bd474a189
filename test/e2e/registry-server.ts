/** Debian's docker-registry on a free loopback port, with a store of its own; ended and deleted on disposal. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { freePort } from "../harness/own-registry.ts";

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

/** Starts one; with `auth`, only that user may do anything. */
export async function startDockerRegistry(auth?: { user: string; password: string }): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), "dhow-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  let access = "";
  if (auth) {
    const hash = await Bun.password.hash(auth.password, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(join(dir, "htpasswd"), `${auth.user}:${hash.replace(/^\$2b/, "$2y")}\n`);
    access = `auth: {htpasswd: {realm: test, path: ${join(dir, "htpasswd")}}}\n`;
  }
  const config = join(dir, "config.yml");
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${dir}/data}, delete: {enabled: true}}\nhttp: {addr: "${host}"}\n${access}`,
  );
  const child = Bun.spawn(["docker-registry", "serve", config], { stdio: ["ignore", "ignore", "ignore"] });
  await until("the registry", () =>
    fetch(`http://${host}/v2/`).then(
      (answer) => answer.status < 500,
      () => false,
    ),
  );
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
