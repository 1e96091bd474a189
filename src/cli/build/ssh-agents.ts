/** `--ssh default|id[=socket|key[,key]]`: agents that RUN may ask. */
import { statSync } from "node:fs";
import { ExitError } from "../command.ts";

/** Where an agent is: its socket, or the keys of one that is started for the build. */
export interface BuildSsh {
  readonly id: string;
  readonly from: { readonly socket: string } | { readonly keys: readonly string[] };
}

export function readSsh(texts: readonly string[]): BuildSsh[] {
  const found = texts.map(readOne);
  for (const [index, { id }] of found.entries()) {
    if (found.findIndex((each) => each.id === id) !== index)
      throw new ExitError(1, `duplicate SSH agent ID ${JSON.stringify(id)}`);
  }
  return found;
}

function readOne(text: string): BuildSsh {
  const at = text.indexOf("=");
  const id = (at < 0 ? text : text.slice(0, at)) || "default";
  const paths =
    at < 0
      ? []
      : text
          .slice(at + 1)
          .split(",")
          .filter(Boolean);
  if (paths.length === 0) {
    const socket = process.env.SSH_AUTH_SOCK ?? "";
    if (socket === "")
      throw new ExitError(
        1,
        `ssh agent ${JSON.stringify(id)}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set`,
      );
    paths.push(socket);
  }
  const sockets = paths.filter((path) => isSocket(id, path));
  if (sockets.length > 1) throw new ExitError(1, `ssh agent ${JSON.stringify(id)}: only one socket is allowed`);
  if (sockets.length === 1 && paths.length > 1)
    throw new ExitError(1, `ssh agent ${JSON.stringify(id)}: invalid combination of keys and sockets`);
  return { id, from: sockets[0] === undefined ? { keys: paths } : { socket: sockets[0] } };
}

function isSocket(id: string, path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new ExitError(1, `ssh agent ${JSON.stringify(id)}: stat ${path}: no such file or directory`);
  if (!stat.isSocket() && !stat.isFile())
    throw new ExitError(1, `ssh agent ${JSON.stringify(id)}: ${path} is neither a socket nor a key`);
  return stat.isSocket();
}
