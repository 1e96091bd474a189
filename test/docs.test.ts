import { expect, test } from "bun:test";
import { referencePages } from "../scripts/docs.ts";

test("docs/reference says what the tables say; `npm run docs` writes it anew", async () => {
  for (const [name, text] of await referencePages()) {
    const committed = await Bun.file(new URL(`../docs/reference/${name}`, import.meta.url)).text();
    expect(committed === text ? "current" : `docs/reference/${name} is out of date`).toBe("current");
  }
});
