/** In a namespace of its own. Needs root. */
import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNamespace, unpinNamespace } from "../../linux/netns.ts";
import { family } from "../../linux/nft-expressions.ts";
import { nftTable } from "../../linux/nft-table.ts";
import { Nftables } from "../../linux/nftables.ts";
import { Firewall } from "./firewall.ts";

/** Runs in a network namespace that is gone afterwards. */
function apart<T>(inside: () => T): T {
  const dir = mkdtempSync(join(tmpdir(), "dhow-firewall-"));
  const path = join(dir, "ns");
  try {
    const { fd, made } = createNamespace(path, inside);
    closeSync(fd);
    return made;
  } finally {
    unpinNamespace(path);
    rmSync(dir, { recursive: true });
  }
}

const port = (n: number): Buffer => Buffer.from([n >> 8, n & 0xff, 0, 0]);
const tcp = Buffer.of(6, 0, 0, 0);

test("Firewall takes over the ports of an older table, which knew fewer sets, until they are swept", () => {
  apart(() => {
    using nft = new Nftables();
    const older = nftTable(family.inet, "t");
    const element = {
      key: Buffer.concat([tcp, port(8080)]),
      data: Buffer.concat([Buffer.of(10, 0, 0, 2), port(80)]),
    };
    nft.commit(
      "older",
      older.create(0),
      older.map("ports", ["protocol", "service"], ["ipv4", "service"]),
      older.add("ports", element),
      older.chain({ name: "forward", type: "filter", hook: 2, priority: 0 }),
    );
    using firewall = new Firewall("t", { ipv4: true, ipv6: true });
    expect(nft.elements(family.inet, "t", "ports")).toEqual([element]);
    expect(nft.elements(family.inet, "t", "ports6")).toEqual([]);
    firewall.publish([
      { kind: "translated", protocol: "tcp", host: null, hostPort: 8080, address: "fd00::2", port: 80 },
      { kind: "opened", protocol: "udp", address: "fd00::2", port: 53 },
    ]);
    firewall.sweep();
    expect(nft.elements(family.inet, "t", "ports")).toEqual([]);
    expect(nft.elements(family.inet, "t", "ports6")).toHaveLength(1);
    expect(nft.elements(family.inet, "t", "opened6")).toHaveLength(1);
  });
});

test("Firewall replaces the table of one family by that of both, and the other way", () => {
  apart(() => {
    using nft = new Nftables();
    const tables = () => [family.inet, family.ipv4, family.ipv6].filter((one) => nft.chains(one).length > 0);
    const carried = [
      { ipv4: true, ipv6: false, found: [family.ipv4] },
      { ipv4: true, ipv6: true, found: [family.inet] },
      { ipv4: false, ipv6: true, found: [family.ipv6] },
    ];
    for (const { found, ...families } of carried) {
      using firewall = new Firewall("t", families);
      expect(tables()).toEqual(found);
      expect(firewall.carries("ipv4")).toBe(families.ipv4);
    }
    expect(tables()).toEqual([]);
    // One that nobody owns any more, of another family.
    const left = nftTable(family.ipv4, "t");
    nft.commit("left", left.create(0), left.chain({ name: "forward", type: "filter", hook: 2, priority: 0 }));
    using _firewall = new Firewall("t", { ipv4: true, ipv6: true });
    expect(tables()).toEqual([family.inet]);
  });
});

test("Firewall is made again whole where the kernel lets others change it, and says so", () => {
  apart(() => {
    using nft = new Nftables();
    using firewall = new Firewall("t", { ipv4: true, ipv6: true }, false);
    const inFamily = (subnet: string, address: string) => ({ subnet, address, mode: "nat" }) as const;
    const bridge = {
      ...{ name: "br7", mtu: 1500, icc: true, masquerade: true, internal: false, trusted: ["eth7"], direct: false },
      ipv4: inFamily("10.7.0.0/24", "10.7.0.1/24"),
      ipv6: inFamily("fd00:7::/64", "fd00:7::1/64"),
    };
    firewall.addBridge(bridge);
    const web = {
      kind: "translated",
      protocol: "tcp",
      host: null,
      hostPort: 8080,
      address: "10.7.0.2",
      port: 80,
    } as const;
    const dns = { kind: "opened", protocol: "udp", address: "fd00:7::2", port: 53 } as const;
    firewall.publish([web, dns]);
    const list = () => Bun.spawnSync(["nft", "-s", "list", "ruleset"]).stdout.toString();
    const whole = list();
    expect(whole).toContain("8080");
    expect(firewall.repair()).toBe(false);
    for (const harm of [
      "flush ruleset",
      "flush chain inet t forward",
      "delete chain inet t output",
      "delete element inet t ports { tcp . 8080 }",
      "flush set inet t networks",
    ]) {
      expect([harm, Bun.spawnSync(["nft", harm]).stderr.toString()]).toEqual([harm, ""]);
      expect([harm, list() === whole]).toEqual([harm, false]);
      expect([harm, firewall.repair()]).toEqual([harm, true]);
      expect(list()).toBe(whole);
      expect(firewall.repair()).toBe(false);
    }
    // What came and went meanwhile counts.
    firewall.unpublish([dns]);
    const less = list();
    Bun.spawnSync(["nft", "flush ruleset"]);
    firewall.removeBridge(bridge);
    firewall.addBridge(bridge);
    expect(list()).toBe(less);
    void nft;
  });
});
