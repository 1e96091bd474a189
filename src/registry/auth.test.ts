import { expect, test } from "bun:test";
import { credentialsFor, hostOf, mayHaveCredentials } from "./auth.ts";

const auth = (serveraddress: string) => ({ username: "u", password: "p", serveraddress }) as never;

test("hardening 137: credentialsFor() gives credentials to exactly the host they are for", () => {
  for (const [domain, address] of [
    ["registry.example.com", "registry.example.com"],
    ["registry.example.com", "https://registry.example.com/v2/"],
    ["localhost:5000", "localhost:5000"],
    ["docker.io", "https://index.docker.io/v1/"],
    ["docker.io", ""],
    ["docker.io", "docker.io"],
    ["docker.io", "registry-1.docker.io"],
    ["Registry.example.com", "https://REGISTRY.example.com"],
  ] as const)
    expect(credentialsFor(domain, auth(address))).toBeDefined();
});

test("hardening 137: credentialsFor() gives none to a host that only looks alike", () => {
  for (const [domain, address] of [
    ["registry.example.com.evil.net", "registry.example.com"],
    ["evil.net", "https://registry.example.com@evil.net/"],
    ["registry.example.com", "registry.example.com:5000"],
    ["localhost:5001", "localhost:5000"],
    ["docker.io.evil.net", "https://index.docker.io/v1/"],
    ["evil.net", "https://index.docker.io/v1/"],
    ["index.docker.io.evil.net", "docker.io"],
    ["registry.example.com", "registry.example.com.evil.net"],
    ["registry.example.com", "evil-registry.example.com"],
    ["registry.example.com", "example.com"],
    ["registry.example.com", "https://evil.net/registry.example.com"],
    ["registry.example.com", "https://evil.net#registry.example.com"],
    ["registry.example.com", "https://evil.net\\@registry.example.com"],
    ["registry.example.com", "registry.example.com@evil.net"],
    ["registry.example.com", "not a host"],
  ] as const)
    expect(credentialsFor(domain, auth(address))).toBeUndefined();
});

test("hardening 137: hostOf() knows no host in an address with user info", () => {
  expect(hostOf("https://a@b/")).toBe("");
  expect(hostOf("HTTPS://Reg.Example/v2/")).toBe("reg.example");
});

test("hardening 132: mayHaveCredentials() trusts the registry's own host and organisation only", () => {
  const may = (registry: string, realm: string) =>
    mayHaveCredentials(new URL(`https://${registry}`), new URL(`https://${realm}/token`));
  expect(may("registry-1.docker.io", "auth.docker.io")).toBe(true);
  expect(may("registry.gitlab.com", "gitlab.com")).toBe(true);
  expect(may("10.0.0.1:5000", "10.0.0.1:5001")).toBe(true);
  expect(may("registry.example.com", "evil.net")).toBe(false);
  expect(may("registry.victim.co.uk", "auth.evil.co.uk")).toBe(false);
  expect(may("10.0.0.1", "10.0.0.2")).toBe(false);
  expect(may("registry", "evil")).toBe(false);
});
