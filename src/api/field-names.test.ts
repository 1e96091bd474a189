import { expect, test } from "bun:test";
import type * as v from "valibot";
import { ContainerCreateRequest } from "./containers.ts";
import { nameFields } from "./field-names.ts";
import { NetworkConnectRequest } from "./networks.ts";
import { parseWire } from "./wire.ts";

const parse = <S extends v.GenericSchema>(schema: S, value: unknown) => parseWire(schema, nameFields(schema, value));

test("nameFields() takes the names of fields in any case, at every depth", () => {
  const request = parse(ContainerCreateRequest, {
    image: "busybox",
    CMD: ["true"],
    hostconfig: {
      memory: 7,
      mounts: [{ type: "tmpfs", target: "/t" }],
      portbindings: { "80/tcp": [{ hostport: "8080" }] },
    },
    NetworkingConfig: { endpointsConfig: { Net: { aliases: ["a"], ipamconfig: { ipv4address: "10.0.0.9" } } } },
  });
  expect(request).toMatchObject({
    Image: "busybox",
    Cmd: ["true"],
    HostConfig: {
      Memory: 7,
      Mounts: [{ Type: "tmpfs", Target: "/t" }],
      PortBindings: { "80/tcp": [{ HostPort: "8080" }] },
    },
    NetworkingConfig: { EndpointsConfig: { Net: { Aliases: ["a"], IPAMConfig: { IPv4Address: "10.0.0.9" } } } },
  });
});

test("nameFields() leaves the keys of maps as they are", () => {
  const labels = { Aa: "1", aA: "2", image: "3" };
  const { Labels, Image } = parse(ContainerCreateRequest, { labels });
  expect(Labels).toEqual(labels);
  expect(Image).toBe("");
});

test("nameFields() counts the later of two spellings of one field", () => {
  expect(parse(NetworkConnectRequest, { Container: "first", container: "second" }).Container).toBe("second");
  expect(parse(NetworkConnectRequest, { container: "first", Container: "second" }).Container).toBe("second");
});
