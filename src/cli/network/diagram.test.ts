/** What a topology is made of, and how it is drawn. */
import { describe, expect, test } from "bun:test";
import type { ContainerSummary } from "../../api/containers.ts";
import type { Network } from "../../api/networks.ts";
import { type Box, layoutOf } from "./diagram-layout.ts";
import { diagramSvg } from "./diagram-svg.ts";
import { diagramText } from "./diagram-text.ts";
import { topologyOf } from "./topology.ts";

function network(Name: string, more: Partial<Network> = {}): Network {
  const Subnet = `10.${Name.length}.0.0/24`;
  return {
    Name,
    Id: `${Name.replaceAll(/[^a-z]/g, "")}id`.padEnd(64, "0"),
    Driver: "bridge",
    Internal: false,
    ConfigOnly: false,
    IPAM: { Driver: "default", Options: null, Config: [{ Subnet, Gateway: Subnet.replace("0/24", "1") }] },
    Options: {},
    ...more,
  } as Network;
}

function container(name: string, on: Record<string, string>, more: Partial<ContainerSummary> = {}): ContainerSummary {
  const Networks = Object.fromEntries(
    Object.entries(on).map(([one, IPAddress]) => [one, { IPAddress, GlobalIPv6Address: "" }]),
  );
  return {
    Id: `${name}id`.padEnd(64, "0"),
    Names: [`/${name}`],
    State: "running",
    Ports: [],
    HostConfig: { NetworkMode: "default" },
    NetworkSettings: { Networks },
    ...more,
  } as ContainerSummary;
}

const none = network("none", { Driver: "null", IPAM: { Driver: "default", Options: null, Config: null } });
const host = network("host", { Driver: "host", IPAM: { Driver: "default", Options: null, Config: null } });
const shop = [network("front"), network("back", { Internal: true }), none, host];
const web = container(
  "web",
  { front: "10.5.0.2", back: "10.4.0.2" },
  { Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }] },
);
const db = container("db", { back: "10.4.0.3" });
const side = container("side", {}, { HostConfig: { NetworkMode: `container:${web.Id}` } });

describe("a topology", () => {
  test("leaves out what every daemon has and nobody uses", () => {
    expect(topologyOf(shop, [web]).networks.map(({ name }) => name)).toEqual(["back", "front"]);
    const used = topologyOf(shop, [container("lonely", { none: "" }), container("probe", { host: "" })]);
    expect(used.networks.map(({ name, outward }) => [name, outward])).toEqual([
      ["back", false],
      ["front", true],
      ["host", true],
      ["none", false],
    ]);
  });

  test("of named networks has these and their containers alone", () => {
    const { networks, containers, missing } = topologyOf(shop, [web, db, side], ["front", "nowhere"]);
    expect(networks.map(({ name }) => name)).toEqual(["front"]);
    expect(containers.map(({ name }) => name)).toEqual(["side", "web"]);
    expect(missing).toEqual(["nowhere"]);
  });

  test("takes an id and a prefix of one, but not a prefix of two", () => {
    const two = [network("one"), network("onemore")];
    expect(topologyOf(two, [], [two[0]?.Id ?? ""]).networks.map(({ name }) => name)).toEqual(["one"]);
    expect(topologyOf(two, [], ["onemorei"]).networks.map(({ name }) => name)).toEqual(["onemore"]);
    expect(topologyOf(two, [], ["on"]).missing).toEqual(["on"]);
  });

  test("has no configuration-only networks", () => {
    expect(topologyOf([network("words", { ConfigOnly: true })], []).networks).toEqual([]);
  });
});

test("the tree shows every container under each of its networks", () => {
  const stopped = container("old", { back: "" }, { State: "exited" });
  expect(diagramText(topologyOf(shop, [web, db, side, stopped]))).toBe(
    `world
└── front (bridge, 10.5.0.0/24, gateway 10.5.0.1)
    └── web  10.5.0.2  also in back
        ├── published 0.0.0.0:8080->80/tcp
        └── side shares this network
no way out
└── back (bridge, internal, 10.4.0.0/24, gateway 10.4.0.1)
    ├── db  10.4.0.3
    ├── old  (exited)  also in nothing
    └── web  10.4.0.2  also in front
        ├── published 0.0.0.0:8080->80/tcp
        └── side shares this network
`.replace("  also in nothing", ""),
  );
});

describe("the drawing", () => {
  const crowd = [
    web,
    db,
    side,
    ...Array.from({ length: 30 }, (_, i) =>
      container(`worker${i}`, { front: `10.5.0.${i + 10}`, back: `10.4.0.${i + 10}` }),
    ),
  ];
  const layout = layoutOf(topologyOf(shop, crowd));

  test("puts no box over another, and all of them inside", () => {
    const apart = (a: Box, b: Box): boolean =>
      a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
    for (const [index, a] of layout.boxes.entries()) {
      for (const b of layout.boxes.slice(index + 1)) expect(apart(a, b)).toBe(true);
      expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= layout.width && a.y + a.height <= layout.height).toBe(true);
    }
  });

  test("has an edge for every membership, way out, publication and shared namespace, between edges of boxes", () => {
    const counts = Object.fromEntries(
      Object.entries(Object.groupBy(layout.edges, ({ kind }) => kind)).map(([kind, all]) => [kind, all.length]),
    );
    expect(counts).toEqual({ route: 1, member: 2 + 1 + 60, published: 1, shared: 1 });
    const onBox = (x: number, y: number): boolean =>
      layout.boxes.some((box) => (x === box.x || x === box.x + box.width) && y >= box.y && y <= box.y + box.height);
    for (const { from, to } of layout.edges) expect([onBox(from.x, from.y), onBox(to.x, to.y)]).toEqual([true, true]);
  });

  test("cuts what is long, and keeps it whole in the title", () => {
    const long = "n".repeat(200);
    const [box] = layoutOf(topologyOf([network(long)], [])).boxes.filter(({ kind }) => kind === "network");
    expect(box?.lines[0]).toBe(`${"n".repeat(43)}…`);
    expect(box?.title).toContain(long);
  });

  test("of nothing is an empty one", () => {
    expect(layoutOf(topologyOf([], []))).toMatchObject({ boxes: [], edges: [] });
  });

  test("makes text of every name", () => {
    const evil = `</text><script>alert("1")</script>&'\u0000\u202e\ud800\ue000`;
    const svg = diagramSvg(layoutOf(topologyOf([network(evil)], [container(evil, { [evil]: "10.0.0.2" })])));
    expect(svg).not.toContain("<script");
    expect(svg).toContain(
      "&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&apos;\ufffd\ufffd\ufffd\ue000",
    );
    expect([...svg.matchAll(/<(\/?[a-z]+)/g)].map(([, tag]) => tag).filter((tag) => tag?.includes("script"))).toEqual(
      [],
    );
    expect(diagramText(topologyOf([network("a\u001b[2J\nb")], []))).toContain("a\ufffd[2J\ufffdb (bridge");
  });
});
