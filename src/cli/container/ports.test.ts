import { expect, test } from "bun:test";
import { exposePort, type PublishedPorts, publishPort } from "./ports.ts";

const published = (...specs: string[]): PublishedPorts => {
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of specs) publishPort(spec, ports);
  return ports;
};

test("publishPort() reads addresses, ranges and protocols", () => {
  expect(published("80").bindings).toEqual({ "80/tcp": [{ HostIp: "", HostPort: "" }] });
  expect(published("127.0.0.1:8080:80/udp").bindings).toEqual({
    "80/udp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
  });
  expect(published("127.0.0.1::80").bindings).toEqual({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] });
  expect(published("[::1]:8080:80").bindings).toEqual({ "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] });
  expect(published("8000-8001:80-81").bindings).toEqual({
    "80/tcp": [{ HostIp: "", HostPort: "8000" }],
    "81/tcp": [{ HostIp: "", HostPort: "8001" }],
  });
  expect(published("8000-8010:80").bindings).toEqual({ "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }] });
});

test("publishPort() refuses what makes no sense", () => {
  for (const spec of ["99999:80", "80:x", "80/zz", "80:", "8000-8001:80-83", "9-8"])
    expect(() => published(spec)).toThrow();
});

test("exposePort() refuses a host part", () => {
  expect(() => exposePort("80:80", { exposed: {}, bindings: {} })).toThrow("invalid port format for --expose: 80:80");
});
