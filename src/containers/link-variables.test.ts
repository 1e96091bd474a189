import { expect, test } from "bun:test";
import { linkVariables } from "./link-variables.ts";

test("linkVariables() tells address, each port, runs of ports and the other's own variables", () => {
  const variables = linkVariables({
    name: "/web/my-db",
    address: "172.17.0.2",
    env: ["FOO=bar", "PATH=/bin", "HOME=/root", "EMPTY="],
    ports: ["80/tcp", "53/udp", "81/tcp"],
  });
  expect(variables).toEqual([
    "MY_DB_PORT=tcp://172.17.0.2:80",
    "MY_DB_PORT_80_TCP_START=tcp://172.17.0.2:80",
    "MY_DB_PORT_80_TCP_ADDR=172.17.0.2",
    "MY_DB_PORT_80_TCP_PROTO=tcp",
    "MY_DB_PORT_80_TCP_PORT_START=80",
    "MY_DB_PORT_80_TCP_END=tcp://172.17.0.2:81",
    "MY_DB_PORT_80_TCP_PORT_END=81",
    "MY_DB_PORT_80_TCP=tcp://172.17.0.2:80",
    "MY_DB_PORT_80_TCP_ADDR=172.17.0.2",
    "MY_DB_PORT_80_TCP_PORT=80",
    "MY_DB_PORT_80_TCP_PROTO=tcp",
    "MY_DB_PORT_81_TCP=tcp://172.17.0.2:81",
    "MY_DB_PORT_81_TCP_ADDR=172.17.0.2",
    "MY_DB_PORT_81_TCP_PORT=81",
    "MY_DB_PORT_81_TCP_PROTO=tcp",
    "MY_DB_PORT_53_UDP=udp://172.17.0.2:53",
    "MY_DB_PORT_53_UDP_ADDR=172.17.0.2",
    "MY_DB_PORT_53_UDP_PORT=53",
    "MY_DB_PORT_53_UDP_PROTO=udp",
    "MY_DB_NAME=/web/my-db",
    "MY_DB_ENV_FOO=bar",
    "MY_DB_ENV_EMPTY=",
  ]);
});

test("linkVariables() of a container without ports tells its name only", () => {
  expect(linkVariables({ name: "/a/b", address: "10.0.0.1", env: [], ports: [] })).toEqual(["B_NAME=/a/b"]);
});
