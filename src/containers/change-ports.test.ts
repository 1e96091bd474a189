import { expect, test } from "bun:test";
import { ContainerUpdateRequest, HostConfig, type PortMap } from "../api/host-config.ts";
import { parseWire } from "../api/wire.ts";
import { changedBindings, portChange } from "./change-ports.ts";
import type { ContainerRecord } from "./record.ts";

const on = (...ports: string[]) => ports.map((HostPort) => ({ HostIp: "", HostPort }));

/** The bindings of a container with `before`, of which `published` is in the kernel, after a request. */
function after(before: PortMap, request: object, published: PortMap = {}): PortMap {
  const change = portChange(parseWire(ContainerUpdateRequest, request));
  const hostConfig = parseWire(HostConfig, { PortBindings: before });
  if (!change) throw new Error("no change");
  return changedBindings({ name: "x", hostConfig } as ContainerRecord, change, published);
}

test("one port has one spelling, however the request and the record spell it", () => {
  expect(after({ "80": on("8080") }, { PublishAdd: { "80/tcp": on("08081") } })).toEqual({
    "80/tcp": on("8080", "8081"),
  });
  expect(after({ "80/tcp": on("8080") }, { PublishRemove: { "80": on("08080") } })).toEqual({});
  expect(() => after({ "80": on("8080") }, { PublishAdd: { "80/tcp": on("8080") } })).toThrow("already allocated");
});

test("a port without bindings is one of the engine's choice, and to be removed any", () => {
  const added = portChange(parseWire(ContainerUpdateRequest, { PublishAdd: { "80/tcp": null } }));
  // The networks hear what the record says.
  expect(added).toEqual({ add: { "80/tcp": on("") }, remove: {} });
  const removed = portChange(parseWire(ContainerUpdateRequest, { PublishRemove: { "80/tcp": [] } }));
  expect(removed).toEqual({ add: {}, remove: { "80/tcp": on("") } });
  expect(portChange(parseWire(ContainerUpdateRequest, { PublishAdd: {} }))).toBeNull();
});

test("of several bindings that left the choice to the engine, the one goes that the port was taken from", () => {
  const published = { "80/tcp": on("32768", "8005") };
  const before = { "80/tcp": on("", "8000-8010") };
  expect(after(before, { PublishRemove: { "80/tcp": on("8005") } }, published)).toEqual({ "80/tcp": on("") });
  expect(after(before, { PublishRemove: { "80/tcp": on("32768") } }, published)).toEqual({ "80/tcp": on("8000-8010") });
});

test("one address of a port that was published at all of them is not taken back alone", () => {
  const published = { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "32768" }] };
  const request = { PublishRemove: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "32768" }] } };
  expect(() => after({ "80/tcp": on("") }, request, published)).toThrow("no public port '80/tcp' published for x");
});

test.each([
  ["__proto__", 'invalid port specification: "__proto__"'],
  ["80/foo", "invalid proto: foo"],
  ["0/tcp", 'invalid port specification: "0/tcp"'],
])("the port %s is refused", (port, message) => {
  const ports = JSON.parse(`{"${port}":[{"HostPort":"8080"}]}`);
  expect(() => after({}, { PublishAdd: ports })).toThrow(message);
  expect(() => after({}, { PublishRemove: ports })).toThrow(message);
});
