/** `image diff`, `image tree`, `image layers` and `image explore`: what images hold, and what they do not show a terminal. */
import { beforeAll, expect, test } from "bun:test";
import type { LayerFile } from "../../src/api/image-files.ts";
import { until } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const must = (...args: string[]) => daemon().must(...args);

async function commit(base: string, name: string, script: string, ...changes: string[]): Promise<void> {
  await must("run", "--name", "maker", base, "sh", "-c", script);
  await must("commit", ...changes.flatMap((change) => ["-c", change]), "maker", name);
  await must("rm", "maker");
}

beforeAll(async () => {
  const hostile = "touch \"/evil$(printf '\\033[2J\\n.')\"";
  await commit(
    "busybox",
    "app:1",
    `echo hi > /hi; rm /etc/group; chmod 600 /etc/passwd; ln -s /hi /link; ${hostile}`,
    "ENV A=1",
  );
  await commit("app:1", "app:2", "echo ho > /hi; rm /link; mkdir -p /d/e; echo x > /d/e/f", "ENV A=2", "LABEL l=v");
}, 30_000);

test("image diff tells files and configuration, whatever layers they are in", async () => {
  const text = await must("image", "diff", "busybox", "app:1");
  expect(text).toContain("\n  Env: + A=1\n");
  expect(text).toMatch(/\n {2}A \/evil\\x1b\[2J\\x0a\. +0644 0:0 0B\n/);
  expect(text).toMatch(/\n {2}D \/etc\/group +0644 0:0 39B\n/);
  // Its bytes are the same, though another layer has them.
  expect(text).toMatch(/\n {2}C \/etc\/passwd +mode 0644 -> 0600\n/);
  expect(text).toMatch(/\n {2}A \/link +symlink 0777 0:0 -> \/hi\n/);
  expect(text).toMatch(/\n3 added \(3B\), 1 removed \(39B\), 1 changed\n$/);
  expect(text).not.toContain("\x1b");
  const found = JSON.parse(await must("image", "diff", "--format", "json", "app:1", "app:2")) as {
    SharedLayers: number;
    Config: { Field: string; Before: unknown; After: unknown }[];
    Files: { Path: string; Kind: string; Changes: string[] }[];
  };
  expect(found.SharedLayers).toBe(2);
  expect(found.Config.map(({ Field }) => Field)).toEqual(["Config.Cmd", "Config.Env", "Config.Labels"]);
  expect(found.Files.map(({ Path, Kind, Changes }) => [Path, Kind, ...Changes])).toEqual([
    ["/d", "added"],
    ["/d/e", "added"],
    ["/d/e/f", "added"],
    ["/hi", "changed", "content"],
    ["/link", "removed"],
  ]);
  expect(await must("image", "diff", "app:2", "app:2")).toEndWith("Configuration: the same\nFiles: the same\n");
  expect((await daemon().dhow("image", "diff", "app:2", "gone")).stderr).toContain("No such image: gone:latest");
});

test("image tree shows who stands on whom", async () => {
  await must("tag", "app:1", "also:1");
  expect(await must("image", "tree")).toMatch(
    /^IMAGE +IMAGE ID +OWN SIZE +SHARED SIZE +SIZE\nbusybox:latest .*\n└── also:1, app:1 .*\n {4}└── app:2 .*\n$/,
  );
  const [tree] = (await must("image", "tree", "app:2", "--format", "json")).trim().split("\n");
  const root = JSON.parse(tree ?? "") as { RepoTags: string[]; Children: { Children: { OwnSize: number }[] }[] };
  expect(root.RepoTags).toEqual(["busybox:latest"]);
  expect(root.Children[0]?.Children[0]?.OwnSize).toBe(5);
  await must("rmi", "also:1");
});

test("image layers lists what images are stored as, and an unknown one is refused", async () => {
  const rows = (await must("image", "layers", "app:2", "--format", "{{.Image}} {{.Size}}")).trim().split("\n");
  expect(rows).toEqual(["app:2 1.983MB", expect.stringMatching(/^app:2 \d+B$/), "app:2 5B"]);
  const digests = (await must("image", "layers", "-q")).trim().split("\n");
  expect(new Set(digests).size).toBe(digests.length);
  expect(digests).toHaveLength(3 + 3 + 3); // layers, configurations, manifests
  expect((await daemon().dhow("image", "layers", "gone")).code).toBe(1);
});

test("image explore prints what is wasted where nobody presses keys", async () => {
  for (const args of [["--plain"], []]) {
    const text = await must("image", "explore", ...args, "app:2");
    expect(text).toMatch(
      /^Image: +app:2 \(sha256:[0-9a-f]{64}\)\nTotal size: 1\.98\dMB\nWasted: +\d+B\nEfficiency: 100\.0 %\n/,
    );
    expect(text).toMatch(/\n68B +2 +\/etc\/passwd\n39B +2 +\/etc\/group\n3B +2 +\/hi\n/);
    expect(text).not.toContain("\x1b");
  }
  const summary = JSON.parse(await must("image", "explore", "--format", "json", "app:2")) as {
    Wasted: number;
    Layers: { Files: number; Removed: number }[];
  };
  expect(summary.Wasted).toBe(68 + 39 + 3);
  expect(summary.Layers.map(({ Removed }) => Removed)).toEqual([0, 1, 1]);
  expect(await must("image", "explore", "--format", "{{len .Layers}} {{.Wasted}}", "app:2")).toBe("3 110\n");
});

test("the route of files answers lines from the layer asked for, and refuses what is no index", async () => {
  const ask = (query: string) => daemon().api<string>("GET", `/dhow/v1/images/app:2/files${query}`);
  const { body } = await ask("?from=2&digestsFrom=2");
  const files = body
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LayerFile);
  expect(files.map(({ Layer, Path, Type }) => `${Layer} ${Path} ${Type}`)).toEqual([
    "2 d directory",
    "2 d/e directory",
    "2 d/e/f file",
    "2 hi file",
    "2 link whiteout",
  ]);
  expect(files[3]?.Digest).toBe(`sha256:${new Bun.CryptoHasher("sha256").update("ho\n").digest("hex")}`);
  expect((await ask("?from=-1")).status).toBe(400);
  expect((await daemon().api("GET", "/dhow/v1/images/gone/files")).status).toBe(404);
});

test.each(["", "1"])(
  "image explore on a terminal with NO_COLOR=%p: keys, sizes, and the terminal given back",
  async (none) => {
    const env = { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", NO_COLOR: none };
    await using terminal = new TerminalClient([dhowBinary, "image", "explore", "app:2"], env, { cols: 110, rows: 30 });
    const shows = async (what: RegExp) => {
      const from = terminal.output.length;
      return async () => until(`${what} on the screen`, () => what.test(terminal.output.slice(from)) || undefined);
    };
    await until("the first screen", () => /Efficiency: /.test(terminal.output) || undefined);
    expect(terminal.output).toStartWith("\x1b[?1049h\x1b[?25l");
    let seen = await shows(/changes of layer 2/);
    terminal.type("jj");
    await seen();
    expect(terminal.output).toMatch(/~ 0644 +0:0 +3B ├── hi/);
    expect(terminal.output).toMatch(/- 0777 +0:0 +0B ├── link → \/hi|- .*link/);
    seen = await shows(/with "d\/e"/);
    terminal.type("\t/d/e\r");
    await seen();
    seen = await shows(/Layers of app:2 {30,}/);
    terminal.resize(50, 12);
    terminal.type("\t");
    await seen();
    // No file name and no command steers the terminal: the only sequences are those of the screen itself.
    const own = /\x1b\[(\?1049[hl]|\?25[hl]|H|K|J|7m|0m|3[123]m)/g;
    expect(terminal.output.replace(own, "")).not.toContain("\x1b");
    expect(/\x1b\[3[123]m/.test(terminal.output)).toBe(none === "");
    terminal.type("q");
    expect(await terminal.exited()).toBe(0);
    await until("the screen's end", () => terminal.output.endsWith("\x1b[?25h\x1b[?1049l"));
  },
);

test("image explore gives the terminal back when a signal ends it", async () => {
  const env = { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" };
  await using terminal = new TerminalClient([dhowBinary, "image", "explore", "app:2"], env);
  await until("the first screen", () => /Efficiency: /.test(terminal.output) || undefined);
  terminal.type("\x03");
  expect(await terminal.exited()).toBe(0);
  await until("the screen's end", () => terminal.output.endsWith("\x1b[?25h\x1b[?1049l"));
});

test.each([...clients])("%s still saves and loads whole images", async (client) => {
  const saved = await daemon().run(client, "save", "-o", `${daemon().root}/${client}.tar`, "app:2");
  expect(saved.code).toBe(0);
  const loaded = await daemon().run(client, "load", "-i", `${daemon().root}/${client}.tar`);
  expect(loaded.stdout).toBe("Loaded image: app:2\n");
});
