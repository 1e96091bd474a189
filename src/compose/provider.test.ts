import { expect, test } from "bun:test";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";
import {
  parseProviderMessage,
  parseProviderMetadata,
  providedServices,
  providerArguments,
  withVariables,
} from "./provider.ts";

const base = { command: null, entrypoint: null };
const started = { condition: "service_started", required: true } as const;
const db: Service = { ...base, name: "db", provider: { type: "cloud", options: { size: ["1", "2"], kind: ["a"] } } };
const web: Service = { ...base, name: "web", image: "x", depends_on: { db: started }, environment: { A: "1" } };
const plain: Service = { ...base, name: "plain", image: "x" };

const projectOf = (...services: Service[]): Project =>
  ({ name: "shop", services: Object.fromEntries(services.map((each) => [each.name, each])) }) as unknown as Project;
const shop = projectOf(db, web, plain);

test("providerArguments() passes every option on where the provider says nothing of itself", () => {
  expect(providerArguments(shop, db, "up", null)).toEqual([
    "compose",
    "--project-name=shop",
    "up",
    "--size=1",
    "--size=2",
    "--kind=a",
    "db",
  ]);
});

test("providerArguments() passes on what the command takes, and names a required option that is missing", () => {
  const metadata = parseProviderMetadata(
    '{"description":"d","up":{"parameters":[{"name":"kind","required":true}]},"down":{"parameters":[{"name":"id","required":true}]}}',
  );
  expect(providerArguments(shop, db, "up", metadata)).toEqual([
    "compose",
    "--project-name=shop",
    "up",
    "--kind=a",
    "db",
  ]);
  expect(() => providerArguments(shop, db, "down", metadata)).toThrow(
    'required parameter "id" is missing from provider "cloud" definition',
  );
});

test("parseProviderMetadata() takes nonsense for silence", () => {
  for (const text of ["", "usage: cloud", "[]", "null", "{}", '{"up":{"parameters":7}}']) {
    expect(parseProviderMetadata(text)).toBe(null);
  }
});

test("parseProviderMessage() reads each kind, and names what it does not know", () => {
  expect(parseProviderMessage('{"type":"info","message":"50%"}')).toEqual({ type: "info", message: "50%" });
  expect(parseProviderMessage('{"type":"setenv","message":"URL=a=b"}')).toEqual({
    type: "setenv",
    name: "URL",
    value: "a=b",
  });
  for (const [line, told] of [
    ["hello", "hello"],
    ['{"type":"shout"}', "shout"],
    ['{"type":"setenv","message":"URL"}', "URL"],
    ['{"type":"setenv","message":"=x"}', "=x"],
    ["[1]", "[1]"],
  ] as const) {
    expect(() => parseProviderMessage(line)).toThrow(`invalid response from plugin: ${told}`);
  }
});

test("withVariables() tells those that depend on the service, under its name, and nobody else", () => {
  const { services } = withVariables(shop, "db", new Map([["URL", "x://"]]));
  expect(services.web?.environment).toEqual({ A: "1", DB_URL: "x://" });
  expect(services.plain?.environment).toBeUndefined();
});

test("providedServices() gives them in order and refuses one that waits for containers", () => {
  const cache: Service = { ...base, name: "cache", provider: { type: "cloud" }, depends_on: { db: started } };
  expect(providedServices(projectOf(cache, db, web)).map(({ name }) => name)).toEqual(["db", "cache"]);
  const late: Service = { ...cache, depends_on: { plain: started } };
  expect(() => providedServices(projectOf(late, plain))).toThrow(
    "services.cache.depends_on: a provider that depends on a service of containers (plain) is not supported",
  );
});
