/** `network diagram`, which asks nothing of the daemon but what every client may. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

/** Prints the drawing's boxes as `kind: name`, and fails where the document is not well formed. */
const readBoxes = `
import sys, xml.etree.ElementTree as tree
for group in tree.parse(sys.argv[1]).getroot().findall("{*}g"):
    print(group.get("class") + ": " + group.find("{*}text").text)
`;

describe("network diagram", () => {
  const daemon = withDaemon();

  test.each(clients)(
    "shows what %s made, as a tree and as a drawing",
    async (client) => {
      const d = daemon();
      const hostile = `<b a='"&>`;
      const port = d.port(clients.indexOf(client));
      const must = async (...args: string[]) => {
        const { code, stderr } = await d.run(client, ...args);
        if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
      };
      const network = (name: string) =>
        d.must(
          "network",
          "inspect",
          "-f",
          "{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}",
          name,
        );
      await must("network", "create", "front");
      await must("network", "create", "--internal", hostile);
      await must(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "front",
        "-p",
        `127.0.0.1:${port}:80`,
        "busybox",
        "sleep",
        "300",
      );
      await must("network", "connect", hostile, "web");
      await must("run", "-d", "--name", "side", "--network", "container:web", "busybox", "sleep", "300");
      await must("create", "--name", "later", "--network", "front", "busybox", "true");
      const [frontNet, frontGate] = (await network("front")).trim().split(" ");
      const [backNet, backGate] = (await network(hostile)).trim().split(" ");
      const address = async (of: string) =>
        (
          await d.must("inspect", "-f", `{{(index .NetworkSettings.Networks ${JSON.stringify(of)}).IPAddress}}`, "web")
        ).trim();

      const tree = await d.must("network", "diagram", "front", hostile);
      const below = (prefix: string) =>
        `${prefix}├── published 127.0.0.1:${port}->80/tcp\n${prefix}└── side shares this network\n`;
      expect(tree).toBe(
        `world
└── front (bridge, ${frontNet}, gateway ${frontGate})
    └── web  ${await address("front")}  also in ${hostile}
${below("        ")}no way out
└── ${hostile} (bridge, internal, ${backNet}, gateway ${backGate})
    └── web  ${await address(hostile)}  also in front
${below("        ")}`,
      );
      expect(await d.must("network", "diagram", "-a", "front")).toContain("├── later  (created)\n");
      expect(await d.must("network", "diagram")).toContain("world\n├── bridge (bridge, ");

      const directory = mkdtempSync(join(tmpdir(), "dhow-diagram-"));
      try {
        const path = join(directory, "net.svg");
        expect(await d.must("network", "diagram", "-a", "-o", path, "front", hostile)).toBe("");
        expect(readFileSync(path, "utf8")).toBe(
          await d.must("network", "diagram", "-a", "--format", "svg", "front", hostile),
        );
        expect((await succeed(["python3", "-c", readBoxes, path])).trim().split("\n").sort()).toEqual([
          "container: side",
          "container: web",
          `internal: ${hostile}`,
          "network: front",
          `port: 127.0.0.1:${port}->80/tcp`,
          "stopped: later (created)",
          "world: world",
        ]);
      } finally {
        rmSync(directory, { recursive: true });
      }
      await must("rm", "-f", "web", "side", "later");
      await must("network", "rm", "front", hostile);
    },
    60_000,
  );

  test("refuses networks that are not there, and forms that it does not know", async () => {
    const d = daemon();
    expect(await d.dhow("network", "diagram", "nowhere")).toEqual({
      code: 1,
      stdout: "",
      stderr: "network nowhere not found\n",
    });
    expect(await d.dhow("network", "diagram", "--format", "png")).toMatchObject({
      code: 1,
      stderr: 'invalid format "png": must be text or svg\n',
    });
  });
});
