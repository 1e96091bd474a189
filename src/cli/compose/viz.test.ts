import { expect, test } from "bun:test";
import type { ProjectGraph } from "./viz-graph.ts";
import { vizSvg } from "./viz-svg.ts";
import { vizText } from "./viz-text.ts";

const node = { image: "busybox", replicas: 1, ports: [], networks: ["default"], volumes: [], dependsOn: [], depth: 0 };
const graph: ProjectGraph = {
  name: "shop",
  services: [
    { ...node, name: "db", volumes: ["data"] },
    {
      ...node,
      name: "web",
      replicas: 2,
      ports: ["8080->80/tcp"],
      dependsOn: [{ name: "db", condition: "healthy" }],
      depth: 1,
    },
  ],
  networks: ["default"],
  volumes: ["data"],
};

test("vizText() shows what depends on what, and who uses networks and volumes", () => {
  expect(vizText(graph)).toBe(`shop
└── web (busybox)  x2  8080->80/tcp
    └── db (busybox)  [healthy]
network default
├── db
└── web
volume data
└── db
`);
});

test("vizSvg() draws a box for each part and a line for each use, and lets no name be markup", () => {
  const svg = vizSvg({ ...graph, volumes: ["data", "<b>"] });
  expect(svg.match(/<g class="container">/g)).toHaveLength(2);
  expect(svg.match(/<path class="route"/g)).toHaveLength(1);
  expect(svg.match(/<path class="member"/g)).toHaveLength(2);
  expect(svg).toContain("&lt;b&gt;");
  expect(svg).not.toContain("<b>");
});

test("vizText() draws what several depend on once", () => {
  const chain = Array.from({ length: 60 }, (_, i) => ({
    ...node,
    name: `s${i}`,
    depth: i,
    dependsOn: i === 0 ? [] : ["", ""].map(() => ({ name: `s${i - 1}`, condition: "started" })),
  }));
  const text = vizText({ name: "p", services: chain, networks: [], volumes: [] });
  expect(text.split("\n")).toHaveLength(121);
  expect(text).toContain("s58 (busybox)  [started]  …\n");
});
