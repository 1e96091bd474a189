import { expect, test } from "bun:test";
import type { Range } from "../../../builder/dockerfile/text/source.ts";
import { outlineText, targetsText } from "./subrequest-text.ts";

const range = { start: { line: 1 }, end: { line: 1 } } as Range;

test("outlineText() is one table for each kind of what a build can be given, as BuildKit prints them", () => {
  const outline = {
    name: "final",
    description: "target",
    args: [{ name: "NAME", value: "x", description: "", range }],
    secrets: [{ name: "tok", isRequired: true, range }],
    ssh: [{ name: "default", isRequired: false, range }],
  };
  expect(outlineText(outline)).toBe(
    [
      "TARGET:      final",
      "DESCRIPTION: target",
      "",
      "BUILD ARG   VALUE   DESCRIPTION",
      "NAME        x       ",
      "",
      "SECRET   REQUIRED",
      "tok      true",
      "",
      "SSH       REQUIRED",
      "default   ",
      "",
      "",
    ].join("\n"),
  );
  expect(outlineText({ name: "", description: "", args: [], secrets: [], ssh: [] })).toBe("");
});

test("targetsText() says which target is built by default, with or without a name", () => {
  const target = { name: "", isDefault: false, description: "", base: "scratch", platform: null, range };
  const named = { ...target, name: "base", description: "words" };
  expect(targetsText([named, { ...target, isDefault: true }])).toBe(
    "TARGET    DESCRIPTION\nbase      words\n(default) \n",
  );
});
