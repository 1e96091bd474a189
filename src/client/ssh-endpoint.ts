/** `ssh://[user@]host[:port][/socket]`: `ssh` runs the program's `system dial-stdio` on the far host and carries the bytes. */
import { connectCommand } from "./byte-stream.ts";
import { ConnectionError } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";

const shape = /^ssh:\/\/(?:([^@/?#]*)@)?(\[[^\]]*\]|[^:/?#]*)(?::([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?$/s;

/** `program` is what runs there: `docker`, or `dhow`. Throws in Docker's words for an address that is none. */
export function sshEndpoint(address: string, program: string): Endpoint {
  const argv = sshCommand(address, program);
  const connect = async () => {
    if (Bun.which("ssh") === null) throw failure('exec: "ssh": executable file not found in $PATH');
    return connectCommand(argv, (why) =>
      failure(
        `command [${argv.join(" ")}] has exited with ${why.status}, make sure the URL is valid, and dhow, or Docker 18.09 or later, is installed on the remote host: stderr=${why.stderr}`,
      ),
    );
  };
  return { address, hostHeader: "docker.example.com", connect };
}

const failure = (why: string): ConnectionError => new ConnectionError(`error during connect: ${why}`, "");

/** The command line for an address. */
export function sshCommand(address: string, program: string): string[] {
  const match = shape.exec(address);
  if (!match) throw refusal(`parse ${JSON.stringify(address)}: invalid URL`);
  const [, user = "", host = "", port = "", socket = "", query, fragment] = match;
  if (user.includes(":")) throw refusal("plain-text password is not supported");
  if (host === "" || host === "[]") throw refusal("hostname is empty");
  if (query !== undefined) throw refusal(`query parameters are not allowed: ${JSON.stringify(query)}`);
  if (fragment !== undefined) throw refusal(`fragments are not allowed: ${JSON.stringify(fragment)}`);
  if (/[%\s]/.test(host)) throw refusal(`parse ${JSON.stringify(address)}: invalid host`);
  if (!/^\d*$/.test(port))
    throw refusal(`parse ${JSON.stringify(address)}: invalid port ${JSON.stringify(`:${port}`)} after host`);
  // What begins with a dash is no option: ssh takes it as the value of -l, or stands behind `--`.
  return [
    ...["ssh", "-o", "ConnectTimeout=30", "-T"],
    ...(user ? ["-l", decodeURIComponent(user)] : []),
    ...(port ? ["-p", port] : []),
    ...["--", host.replace(/^\[|\]$/g, ""), program],
    ...(socket.length > 1 ? ["--host", `unix://${decodeURIComponent(socket)}`] : []),
    ...["system", "dial-stdio"],
  ];
}

const refusal = (why: string): Error => new Error(`ssh host connection is not valid: invalid SSH URL: ${why}`);
