import { expect, test } from "bun:test";
import { wantsApiSocket, withApiSocket } from "./api-socket.ts";
import { loadProject } from "./load.ts";

const text = `
services:
  a: {image: a, use_api_socket: true, volumes: ["data:/d"]}
  b: {image: a, use_api_socket: true, environment: {DOCKER_CONFIG: /mine}}
  c: {image: a}
volumes: {data: }
`;

test("withApiSocket() gives the services that want it the socket, and its credentials", async () => {
  const options = { cwd: "/", env: {}, files: ["-"], projectName: "p", readStdin: async () => text };
  const project = await loadProject(options);
  expect(wantsApiSocket(project)).toBe(true);
  const { services, configs } = withApiSocket(project, { path: "/run/dhow.sock", config: "{}" });
  expect(services.a?.volumes?.slice(1)).toEqual([
    { type: "bind", source: "/run/dhow.sock", target: "/var/run/docker.sock" },
  ]);
  expect(services.a?.environment).toEqual({ DOCKER_CONFIG: "/run/secrets/docker" });
  expect(services.b?.environment).toEqual({ DOCKER_CONFIG: "/mine" });
  expect(services.a?.configs).toEqual([{ source: "#apisocket", target: "/run/secrets/docker/config.json" }]);
  expect(configs["#apisocket"]).toEqual({ content: "{}" });
  expect(services.c).toEqual(project.services.c!);
  expect(wantsApiSocket({ ...project, services: {} })).toBe(false);
});
