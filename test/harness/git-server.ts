/** A server of git repositories over http, by git's own CGI program, that a test starts. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { succeed } from "./command.ts";

const backend = "/usr/lib/git-core/git-http-backend";

export class GitServer implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "dhow-git-"));
  /** `Authorization` headers that came, "" for none. */
  readonly seen: string[] = [];
  /** The header that is needed, null for none. */
  wanted: string | null = null;
  #port = 0;
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    this.seen.push(request.headers.authorization ?? "");
    if (this.wanted !== null && request.headers.authorization !== this.wanted) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    const child = spawn(backend, {
      env: {
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: "1",
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? "GET",
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
        GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
        REMOTE_ADDR: "127.0.0.1",
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "safe.directory",
        GIT_CONFIG_VALUE_0: "*",
        PATH: process.env.PATH ?? "",
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    request.pipe(child.stdin);
    child.stdin.on("error", () => {});
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("close", () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf("\r\n\r\n");
      const headers = all.toString("latin1", 0, end).split("\r\n");
      let status = 200;
      for (const line of headers) {
        const [name = "", value = ""] = line.split(/: (.*)/s);
        if (name === "Status") status = Number(value.slice(0, 3));
        else if (name !== "") response.setHeader(name, value);
      }
      response.writeHead(status).end(all.subarray(end + 4));
    });
  });

  static async start(): Promise<GitServer> {
    const server = new GitServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.#port = (server.#server.address() as AddressInfo).port;
    return server;
  }

  url(repository: string, user = ""): string {
    return `http://${user}127.0.0.1:${this.#port}/${repository}.git`;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Runs git in a work tree of `repository`, which is made with its first commit; what it says. */
  async git(repository: string, ...args: string[]): Promise<string> {
    const said = await succeed(["git", "-C", this.#workTree(repository), ...args], {
      env: {
        ...{ GIT_AUTHOR_NAME: "t", GIT_AUTHOR_EMAIL: "t@t", GIT_COMMITTER_NAME: "t", GIT_COMMITTER_EMAIL: "t@t" },
        ...{ GIT_AUTHOR_DATE: "981173106 +0000", GIT_COMMITTER_DATE: "981173106 +0000" },
        ...{ GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_ALLOW_PROTOCOL: "file:http" },
      },
    });
    return said.trim();
  }

  /** Writes the files, commits them and publishes everything; the commit. */
  async commit(repository: string, files: Readonly<Record<string, string>>): Promise<string> {
    const tree = this.#workTree(repository);
    mkdirSync(tree, { recursive: true });
    await this.git(repository, "init", "-q", "-b", "main");
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      writeFileSync(join(tree, name), text);
    }
    await this.git(repository, "add", "-A");
    await this.git(repository, "commit", "-q", "-m", "x", "--allow-empty");
    await this.publish(repository);
    return await this.git(repository, "rev-parse", "HEAD");
  }

  async publish(repository: string): Promise<void> {
    await this.git(repository, "init", "-q", "--bare", join(this.root, `${repository}.git`));
    await this.git(repository, "push", "-q", "--mirror", join(this.root, `${repository}.git`));
    await this.git(
      repository,
      "--git-dir",
      join(this.root, `${repository}.git`),
      "symbolic-ref",
      "HEAD",
      "refs/heads/main",
    );
  }

  #workTree(repository: string): string {
    return join(this.root, "work", repository);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.root, { recursive: true, force: true });
  }
}
