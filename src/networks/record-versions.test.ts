import { expect, test } from "bun:test";
import { Database } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";
import { networkKind, sandboxKind } from "./record.ts";

/** A database as version 1 left it: documents in their old shape, tables without what came later. */
function older(table: string, columns: string, id: string, document: object): Database {
  const db = Database.open(":memory:");
  db.sql.run(
    `CREATE TABLE ${table} (id TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL${columns}) WITHOUT ROWID`,
  );
  db.sql.query(`INSERT INTO ${table} (id, version, document) VALUES (?, 1, ?)`).run(id, JSON.stringify(document));
  return db;
}

const plain = { created: "2026-01-01T00:00:00Z", internal: false, attachable: false, labels: {}, options: {} };
const ipam = { Driver: "default", Options: null, Config: [] };
const unique = ", name TEXT UNIQUE, device TEXT UNIQUE, subnet TEXT UNIQUE";

test("a bridge network of version 1 has IPv4 addresses and a device", () => {
  const bridge = {
    ...{ device: "br-1", subnet: "10.1.0.0/16", gateway: "10.1.0.1", router: "10.1.0.9", range: "10.1.2.0/24" },
    ...{ reserved: ["10.1.0.9"], userSubnet: true, mtu: 1400, icc: false, masquerade: true, hostBinding: "" },
  };
  using db = older("networks", unique, "n", { ...plain, ipam, name: "n", driver: "bridge", bridge });
  const store = new RecordStore(db, networkKind);
  const network = store.get("n");
  expect(network?.ipv4).toEqual({
    ...{ subnet: "10.1.0.0/16", gateway: "10.1.0.1", router: "10.1.0.9", range: "10.1.2.0/24" },
    ...{ reserved: ["10.1.0.9"], userSubnet: true },
  });
  expect(network?.ipv6).toBeNull();
  expect(network?.device).toEqual({
    ...{ kind: "bridge", name: "br-1", mtu: 1400, icc: false, masquerade: true, hostBinding: "" },
    modes: { ipv4: "nat", ipv6: "nat" },
  });
  // The column that came later holds from the next write on, for this table too.
  const ipv6 = { ...network!.ipv4!, subnet: "fd00::/64" };
  db.transaction("normal", (tx) => store.put(tx, "n", { ...network!, ipv6 }));
  expect(store.findUnique("subnet6", "fd00::/64")).toBe("n");
  const other = { ...network!, name: "o", ipv4: null, ipv6, device: null };
  expect(() => db.transaction("normal", (tx) => store.put(tx, "o", other))).toThrow("fd00::/64");
});

test("a network of version 1 without a bridge has no addresses", () => {
  using db = older("networks", unique, "n", { ...plain, ipam, name: "host", driver: "host", bridge: null });
  const network = new RecordStore(db, networkKind).get("n");
  expect([network?.ipv4, network?.ipv6, network?.device]).toEqual([null, null, null]);
});

test("a sandbox of version 1 has one IPv4 address on each interface", () => {
  const one = { bridge: "br-1", ifname: "eth0", address: "10.1.0.2/16", gateway: "10.1.0.1", mac: "m", names: null };
  const state = { containerId: "c", path: "/p", interfaces: [{ ...one, veth: "v" }], ports: [], resolver: null };
  using db = older("sandboxes", "", "c", { attached: true, path: "/p", state, settings: {} });
  expect(new RecordStore(db, sandboxKind).get("c")?.state?.interfaces).toEqual([
    {
      ...{ link: "veth", segment: "br-1", ifname: "eth0", mac: "m", names: null, veth: "v" },
      ipv4: { address: "10.1.0.2/16", gateway: "10.1.0.1" },
      ipv6: null,
    },
  ]);
});

test("a sandbox of version 1 that netd holds nothing for stays so", () => {
  using db = older("sandboxes", "", "c", { attached: true, path: null, state: null, settings: {} });
  expect(new RecordStore(db, sandboxKind).get("c")?.state).toBeNull();
});
