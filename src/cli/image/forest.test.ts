import { expect, test } from "bun:test";
import { branchesOf, type ForestImage, type ImageNode, imageForest } from "./forest.ts";

const image = (id: string, layers: string, size: number, parent = ""): ForestImage => ({
  id,
  names: [id],
  layers: layers.split(""),
  parent,
  size,
});

const shape = (nodes: readonly ImageNode[]): string =>
  nodes.map(({ image: { id }, own, children }) => `${id}+${own}(${shape(children)})`).join(" ");

test("imageForest() puts an image on the one with the most of its lower layers", () => {
  const images = [image("top", "abc", 60), image("base", "a", 10), image("mid", "ab", 30), image("other", "x", 5)];
  expect(shape(imageForest(images))).toBe("base+10(mid+20(top+30())) other+5()");
  expect(shape(branchesOf(imageForest(images), "mid"))).toBe("base+10(mid+20(top+30()))");
  expect(branchesOf(imageForest(images), "gone")).toEqual([]);
});

test("imageForest() believes the daemon where two images have the same layers", () => {
  const images = [image("base", "ab", 10), image("labelled", "ab", 10, "base"), image("twin", "ab", 10)];
  expect(shape(imageForest(images))).toBe("base+10(labelled+0()) twin+10()");
  // A parent whose layers it has not is none.
  expect(shape(imageForest([image("base", "ab", 10), image("odd", "cd", 7, "base")]))).toBe("base+10() odd+7()");
});

test("imageForest() takes no image without layers for a base of all", () => {
  expect(shape(imageForest([image("empty", "", 0), image("a", "a", 3)]))).toBe("a+3() empty+0()");
});
