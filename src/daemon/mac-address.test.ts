import { expect, test } from "bun:test";
import { ContainerCreateRequest } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import { placeMacAddress } from "./mac-address.ts";

const [one, other] = ["02:42:0a:dd:03:8c", "02:42:0a:dd:03:8d"];

/** The whole container's address, the mode and each network's address afterwards; or what is refused. */
function placed(version: string, request: object): unknown[] {
  const { body, warnings } = placeMacAddress(parseWire(ContainerCreateRequest, request), version);
  const endpoints = Object.entries(body.NetworkingConfig.EndpointsConfig).map(([name, e]) => [name, e.MacAddress]);
  return [body.MacAddress, body.HostConfig.NetworkMode, Object.fromEntries(endpoints), warnings.length];
}

const endpoints = (given: object) => ({ NetworkingConfig: { EndpointsConfig: given } });
const mode = (NetworkMode: string) => ({ HostConfig: { NetworkMode } });

test("placeMacAddress() moves the container's address to its network, and says since 1.44 that it did", () => {
  expect(placed("1.43", { MacAddress: one })).toEqual([undefined, "bridge", { bridge: one }, 0]);
  expect(placed("1.44", { MacAddress: one })).toEqual([undefined, "", { bridge: one }, 1]);
  const both = { MacAddress: one, ...mode("mine"), ...endpoints({ more: {}, mine: { MacAddress: one } }) };
  expect(placed("1.44", both)).toEqual([undefined, "mine", { mine: one, more: "" }, 1]);
  expect(placed("1.44", { MacAddress: one, ...mode("host") })).toEqual([undefined, "host", {}, 1]);
});

test("placeMacAddress() leaves what needs no moving", () => {
  const given = endpoints({ bridge: { MacAddress: other } });
  expect(placed("1.51", given)).toEqual([undefined, "", { bridge: other }, 0]);
});

test("placeMacAddress() before 1.44 knows the container's address only, and the one network that is given", () => {
  expect(placed("1.43", endpoints({ bridge: { MacAddress: other } }))).toEqual([undefined, "", { bridge: "" }, 0]);
  const named = { MacAddress: one, ...mode("mine"), ...endpoints({ bridge: { MacAddress: other } }) };
  expect(placed("1.43", named)).toEqual([undefined, "bridge", { bridge: one }, 0]);
  for (const own of ["host", "none", "container:x"]) {
    expect(() => placed("1.43", { MacAddress: one, ...mode(own) })).toThrow("mac-address and the network mode");
  }
});

test("placeMacAddress() refuses two addresses, and an address whose network is not among the given", () => {
  const two = { MacAddress: one, ...endpoints({ default: { MacAddress: other } }) };
  expect(() => placed("1.51", two)).toThrow("must match the endpoint-specific MAC address");
  const lost = { MacAddress: one, ...mode("mine"), ...endpoints({ bridge: {} }) };
  expect(() => placed("1.51", lost)).toThrow("unable to migrate container-wide MAC address");
});
