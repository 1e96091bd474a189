/** What services with `use_api_socket` get of this client's. */
import { wantsApiSocket, withApiSocket } from "../../compose/api-socket.ts";
import type { Project } from "../../compose/model/project.ts";
import { allCredentials } from "../image/auth.ts";
import type { Scope } from "./scope.ts";

/** Where dockerd listens, for an engine that is reached by other ways than a socket of this machine. */
const usualPath = "/var/run/docker.sock";

/** The project whose services have the socket and the credentials that they want. */
export async function withApiSocketOf({ cli }: Scope, project: Project): Promise<Project> {
  if (!wantsApiSocket(project)) return project;
  const { address } = await cli.daemon();
  const path = address.startsWith("unix://") ? address.slice("unix://".length) : usualPath;
  const auths = Object.entries(await allCredentials(cli)).map(([registry, found]) => {
    const { username = "", password = "", identitytoken } = found;
    const auth = username === "" ? {} : { auth: Buffer.from(`${username}:${password}`).toString("base64") };
    return [registry, { ...auth, ...(identitytoken && { identitytoken }) }];
  });
  const config = `${JSON.stringify({ auths: Object.fromEntries(auths) }, null, "\t")}\n`;
  return withApiSocket(project, { path, config });
}
