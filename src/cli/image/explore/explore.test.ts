import { expect, test } from "bun:test";
import { workMs } from "../../../../test/harness/work.ts";
import type { ImageLayers, LayerFile } from "../../../api/image-files.ts";
import { textOfBytes } from "../../../lib/byte-text.ts";
import { draw } from "./draw.ts";
import { keysOf } from "./keys.ts";
import { layerView } from "./layer-view.ts";
import { type ExploreState, newState, press } from "./state.ts";
import { wasteOf } from "./waste.ts";

function file(layer: number, path: string, more: Partial<LayerFile> = {}): LayerFile {
  return { Layer: layer, Path: path, Type: "file", Mode: 0o644, UID: 0, GID: 0, Size: 10, ModTime: 0, ...more };
}
const directory = { Type: "directory", Mode: 0o755, Size: 0 } as const;

const files: readonly LayerFile[] = [
  file(0, "bin", directory),
  file(0, "bin/sh", { Size: 100 }),
  file(0, "etc", directory),
  file(0, "etc/a"),
  file(0, "etc/b"),
  file(1, "etc", directory),
  file(1, "etc/a", { Size: 20 }),
  file(1, "etc/b", { Type: "whiteout", Size: 0 }),
  file(1, "new", directory),
  file(1, "new/x"),
];

const image: ImageLayers = {
  ID: `sha256:${"1".repeat(64)}`,
  RepoTags: ["app:1"],
  Manifest: { mediaType: "", digest: "sha256:m", size: 1 },
  Config: { mediaType: "", digest: "sha256:c", size: 1 },
  Layers: [0, 1].map((n) => ({
    Blob: { mediaType: "", digest: `sha256:${n}`, size: 1 },
    DiffID: "",
    ChainID: "",
    Size: 1,
    CreatedBy: `step ${n}\x1b[31m`,
  })),
};

const shown = (state: ExploreState): string[] => state.rows.map(({ node }) => `${node.status[0]} ${node.path}`);
function after(...keys: string[]): ExploreState {
  const state = newState("app:1", image, files);
  for (const key of keys) press(state, key, 10);
  return state;
}

test("wasteOf() counts what a later layer replaces or removes, and a hard link once", () => {
  const waste = wasteOf([...files, file(1, "new/y", { Target: "new/x" })]);
  expect(waste).toMatchObject({ total: 150, wasted: 20 });
  expect(waste.paths).toEqual([
    { path: "etc/a", bytes: 10, layers: 2 },
    { path: "etc/b", bytes: 10, layers: 2 },
  ]);
  expect(wasteOf([]).efficiency).toBe(1);
});

test("layerView() tells what a layer has added, changed and removed, and sums sizes up", () => {
  const view = layerView(files, 1, 1);
  const [bin, etc, fresh] = view.children;
  expect([bin?.status, bin?.touched, bin?.size]).toEqual(["unchanged", false, 100]);
  expect([etc?.status, etc?.touched, etc?.size]).toEqual(["unchanged", true, 20]);
  expect(etc?.children.map(({ name, status }) => [name, status])).toEqual([
    ["a", "changed"],
    ["b", "removed"],
  ]);
  expect([fresh?.status, view.size]).toEqual(["added", 130]);
});

test("press() chooses layers, opens and closes directories, hides kinds of changes, and filters", () => {
  expect(shown(after())).toEqual(["a bin", "a etc"]);
  expect(shown(after("j"))).toEqual(["u bin", "u etc", "c etc/a", "r etc/b", "a new"]);
  expect(shown(after("j", "j", "j", "k", "down"))).toEqual(shown(after("j")));
  expect(shown(after("j", "tab", "ctrl-r", "ctrl-u"))).toEqual(["u etc", "c etc/a", "a new"]);
  expect(shown(after("j", "tab", "end", "right"))).toContain("a new/x");
  expect(shown(after("j", "tab", "j", " "))).toEqual(["u bin", "u etc", "a new"]);
  const child = after("j", "tab", "j", "j", "left");
  expect(child.rows[child.cursor]?.node.path).toBe("etc");
  expect(shown(after("tab", "ctrl-space"))).toEqual(["a bin", "a bin/sh", "a etc", "a etc/a", "a etc/b"]);
  expect(shown(after("tab", "/", "S", "h", "enter"))).toEqual(["a bin", "a bin/sh"]);
  expect(shown(after("tab", "/", "q", "escape"))).toEqual(["a bin", "a etc"]);
  expect(after("tab", "pagedown").cursor).toBe(1);
  expect(shown(after("ctrl-a", "j"))).toEqual(shown(after("j")));
});

test("press() ends at q and Ctrl-C, but not while a filter is typed", () => {
  const state = after("/");
  expect(press(state, "q", 10)).toBe(true);
  expect(press(state, "ctrl-c", 10)).toBe(false);
  expect(press(after(), "q", 10)).toBe(false);
});

test.each([
  [1, 1],
  [2, 5],
  [5, 20],
  [24, 69],
  [24, 70],
  [50, 300],
])("draw() fits %d rows and %d columns, and lets no name steer the terminal", (rows, columns) => {
  const hostile = [
    file(0, "evil\x1b[2J\n\u202e"),
    file(0, textOfBytes(Buffer.of(0xff, 0x9b))),
    file(0, "link", { Type: "symlink", Target: "\x07\x1b]0;x\x07" }),
    file(0, "宽".repeat(100)),
  ];
  for (const panel of ["layers", "files"] as const) {
    const state = newState("app\x1b[1m", image, hostile);
    state.panel = panel;
    for (const colours of [true, false]) {
      const lines = draw(state, { rows, columns, colours });
      expect(lines.length).toBeLessThanOrEqual(Math.max(rows, 1));
      for (const line of lines) {
        const text = line.replace(/\x1b\[(7|0|3[123])m/g, "");
        expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
        expect(Bun.stringWidth(text)).toBeLessThanOrEqual(columns);
      }
      if (!colours) expect(lines.join("")).not.toMatch(/\x1b\[3/);
    }
  }
});

test("keysOf() names what terminals send, several at once, and leaves the unknown out", () => {
  expect(keysOf("\x1b[A\x1bOBj\t\x01\0\r\x7f\x1b[5~ä\x1b[1;5Cq\x1b")).toEqual([
    "up",
    "down",
    "j",
    "tab",
    "ctrl-a",
    "ctrl-space",
    "enter",
    "backspace",
    "pageup",
    "ä",
    "q",
    "escape",
  ]);
});

test("tens of thousands of files are drawn between two key presses", () => {
  const many = Array.from({ length: 60_000 }, (_, i) => file(0, `d${i % 300}/e${i % 7}/f${i}`));
  const state = newState("big", image, many);
  press(state, "tab", 10);
  press(state, "ctrl-space", 10);
  expect(state.rows.length).toBeGreaterThan(60_000);
  const from = workMs();
  for (let i = 0; i < 5; i++) {
    press(state, "pagedown", 40);
    draw(state, { rows: 40, columns: 120, colours: true });
  }
  expect((workMs() - from) / 5).toBeLessThan(500);
});
