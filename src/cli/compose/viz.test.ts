import { expect, test } from "bun:test";
import { loadProject } from "../../compose/load.ts";
import { vizDot } from "./viz-dot.ts";
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

test("vizDot() writes what docker compose alpha viz writes, in order", async () => {
  const text = `
name: vz
services:
  b: {image: "y<z"}
  a: {image: x, depends_on: [c, b], networks: [n, m], ports: ["80:80", "127.0.0.1:81:81/udp"]}
  c: {build: .}
networks: {n: , m: }
`;
  const project = await loadProject({ cwd: "/", env: {}, files: ["-"], readStdin: async () => text });
  expect(vizDot(project, { networks: true, ports: true, image: true, indentation: "  " })).toBe(`digraph "vz" {
  layout=dot;
  "a" [style="filled" label=<<font point-size="15">a</font><font point-size="10"><br/><br/><b>Networks:</b><br/>m<br/>n</font><font point-size="10"><br/><br/><b>Ports:</b><br/>80:80 (tcp, ingress)<br/>127.0.0.1:81:81 (udp, ingress)</font><font point-size="10"><br/><br/><b>Image:</b><br/>x</font>>];
  "b" [style="filled" label=<<font point-size="15">b</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>y&lt;z</font>>];
  "c" [style="filled" label=<<font point-size="15">c</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>vz-c</font>>];

  "a" -> "b";
  "a" -> "c";
}
`);
});
