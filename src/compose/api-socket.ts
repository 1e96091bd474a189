/** Services that speak to the engine themselves (`use_api_socket`): they get its socket, and what is stored for registries. */
import { mapValues } from "./loader/decode.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";

export interface ApiSocket {
  /** On the engine's machine. */
  readonly path: string;
  /** A client's config.json. */
  readonly config: string;
}

const inContainer = "/var/run/docker.sock";
const configKey = "#apisocket";
const configFolder = "/run/secrets/docker";

/** Whether any of the services wants it. */
export const wantsApiSocket = ({ services }: Project): boolean =>
  Object.values(services).some(({ use_api_socket }) => use_api_socket);

/** The project as docker/compose 2.40 makes it (`pkg/compose/apiSocket.go`): a bind mount, a config and DOCKER_CONFIG. */
export function withApiSocket(project: Project, socket: ApiSocket): Project {
  const services = mapValues(project.services, (service): Service => {
    if (!service.use_api_socket) return service;
    const { volumes = [], configs = [], environment = {} } = service;
    return {
      ...service,
      volumes: [...volumes, { type: "bind", source: socket.path, target: inContainer }],
      // One who says where the client's files are has them.
      environment: { DOCKER_CONFIG: configFolder, ...environment },
      configs: [...configs, { source: configKey, target: `${configFolder}/config.json` }],
    };
  });
  return { ...project, services, configs: { ...project.configs, [configKey]: { content: socket.config } } };
}
