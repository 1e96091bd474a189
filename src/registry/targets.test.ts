import { expect, test } from "bun:test";
import { mayLeadTo } from "./targets.ts";

const may = (from: string, to: string, insecure: readonly string[] = []): boolean =>
  mayLeadTo(new URL(from), new URL(to), insecure);

test.each([
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://localhost:80/",
  "http://localhost./",
  "http://x.localhost/",
  "http://0.0.0.0/",
  "http://[::]/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[64:ff9b::10.0.0.1]/",
  "http://169.254.169.254/latest/",
  "http://[fe80::1]/",
  "http://[fd00:ec2::254]/",
  "http://10.1.2.3/",
  "http://172.31.0.1/",
  "http://192.168.1.1/",
  "http://[fd12::1]/",
])("hardening 132, 133: mayLeadTo() keeps a registry of the world away from %s", (target) => {
  expect(may("https://registry.example.com", target)).toBe(false);
  expect(may("http://203.0.113.5:5000", target)).toBe(false);
});

test("mayLeadTo() lets a registry lead to the world and to its own host", () => {
  expect(may("https://registry.example.com", "https://cdn.example.net/x")).toBe(true);
  expect(may("https://registry.example.com", "https://203.0.113.5/x")).toBe(true);
  expect(may("https://registry.example.com", "https://[2001:db8::1]/x")).toBe(true);
  expect(may("http://127.0.0.1:5000", "http://127.0.0.1:5001/token")).toBe(true);
  expect(may("http://localhost:5000", "http://127.0.0.1:5001/token")).toBe(true);
});

test("hardening 132, 133: mayLeadTo() lets a registry of a private network lead to its neighbours, but not to this host or its metadata", () => {
  expect(may("http://10.0.0.5:5000", "http://192.168.1.1/")).toBe(true);
  expect(may("http://registry.corp:5000", "http://10.0.0.6:9000/")).toBe(false);
  expect(may("http://registry.corp:5000", "http://10.0.0.6:9000/", ["10.0.0.0/8"])).toBe(true);
  expect(may("http://10.0.0.5:5000", "http://127.0.0.1/")).toBe(false);
  expect(may("http://10.0.0.5:5000", "http://169.254.169.254/", ["169.254.0.0/16"])).toBe(false);
});
