import { expect, test } from "bun:test";
import { compileTemplate } from "./execute.ts";
import golden from "./golden/inspect.json";

// Made with the stock client: `docker inspect -f TEMPLATE` on one container. A failure there is on stderr.
for (const { template, stdout, stderr, code } of golden.cases) {
  test(`compileTemplate() agrees with the stock client on ${template}`, () => {
    const run = (): string =>
      compileTemplate(template, { missing: "error", optional: { Healthcheck: null, Health: null } }).execute(
        golden.data,
      );
    if (code === 0) expect(`${run()}\n`).toBe(stdout);
    else expect(run).toThrow();
    if (code === 64) expect(run).toThrow(stderr.trim().replace("template parsing error: ", ""));
  });
}

test("compileTemplate() bounds recursion", () => {
  expect(() => compileTemplate('{{define "t"}}{{template "t"}}{{end}}{{template "t"}}').execute({})).toThrow(
    "exceeded maximum template depth",
  );
});

test("compileTemplate() reads no inherited properties", () => {
  expect(compileTemplate("{{.constructor}} {{.__proto__}}").execute({})).toBe("<no value> <no value>");
});
