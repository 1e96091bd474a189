import { expect, test } from "bun:test";
import { NameTable } from "./names.ts";

const on = (network: string, names: string[], aliases: Record<string, string> = {}) => ({ network, names, aliases });

function table(): NameTable {
  const names = new NameTable();
  names.add(on("front", ["web", "www", "abc123"]), "10.1.0.2");
  names.add(on("front", ["web2", "www"]), "10.1.0.3");
  names.add(on("back", ["db.main"]), "10.2.0.2");
  names.add(on("a.b", ["web"]), "10.3.0.2");
  return names;
}

test("resolve() finds names without regard to case, several containers behind one alias too", () => {
  const seen = [on("front", [])];
  expect(table().resolve(seen, "WEB")).toEqual(["10.1.0.2"]);
  expect(table().resolve(seen, "www")).toEqual(["10.1.0.2", "10.1.0.3"]);
  expect(table().resolve(seen, "nobody")).toBeNull();
});

test("resolve() knows only the networks that the asking container is in", () => {
  expect(table().resolve([on("front", [])], "db.main")).toBeNull();
  expect(table().resolve([on("front", []), on("back", [])], "db.main")).toEqual(["10.2.0.2"]);
  expect(table().resolve([], "web")).toBeNull();
  expect(table().resolve([on("front", [])], "db.main.back")).toBeNull();
});

test("resolve() takes a name that ends in its network's, dots on either side", () => {
  const seen = [on("front", []), on("back", []), on("a.b", [])];
  expect(table().resolve(seen, "web.front")).toEqual(["10.1.0.2"]);
  expect(table().resolve(seen, "db.main.back")).toEqual(["10.2.0.2"]);
  expect(table().resolve(seen, "web.A.b")).toEqual(["10.3.0.2"]);
  expect(table().resolve(seen, "web.example.org")).toBeNull();
});

test("resolve() prefers the longer name to the longer network", () => {
  const names = table();
  names.add(on("b", ["web.a"]), "10.4.0.2");
  expect(names.resolve([on("a.b", []), on("b", [])], "web.a.b")).toEqual(["10.4.0.2"]);
  expect(names.resolve([on("a.b", [])], "web.a.b")).toEqual(["10.3.0.2"]);
  expect(names.resolve([on("b", [])], "b")).toBeNull();
});

test("resolve() has links for the container that made them only", () => {
  expect(table().resolve([on("front", [], { store: "web2" })], "store")).toEqual(["10.1.0.3"]);
  expect(table().resolve([on("front", [])], "store")).toBeNull();
});

test("reverse() gives the first name and the network; removed names are gone", () => {
  const names = table();
  expect(names.reverse([on("front", [])], "10.1.0.2")).toBe("web.front");
  expect(names.reverse([on("back", [])], "10.1.0.2")).toBeNull();
  names.remove(on("front", ["web", "www", "abc123"]), "10.1.0.2");
  expect(names.reverse([on("front", [])], "10.1.0.2")).toBeNull();
  expect(names.resolve([on("front", [])], "web")).toBeNull();
  expect(names.resolve([on("front", [])], "www")).toEqual(["10.1.0.3"]);
});

test("names of objects' own methods are names like any other", () => {
  expect(table().resolve([on("front", [])], "constructor")).toBeNull();
  expect(table().resolve([on("front", [])], "__proto__")).toBeNull();
});
