import { expect, test } from "bun:test";
import { compileTemplate } from "./execute.ts";
import functionsGolden from "./golden/functions.json";
import golden from "./golden/inspect.json";

const options = { missing: "error", optional: { Healthcheck: null, Health: null, Driver: "", Name: "" } } as const;

// Made with the stock client: `docker inspect -f TEMPLATE` on one container. A failure there is on stderr.
for (const { template, stdout, stderr, code } of golden.cases) {
  test(`compileTemplate() agrees with the stock client on ${template}`, () => {
    const run = (): string => compileTemplate(template, options).execute(golden.data);
    if (code === 0) expect(`${run()}\n`).toBe(stdout);
    else expect(run).toThrow();
    if (code === 64) expect(run).toThrow(stderr.trim().replace("template parsing error: ", ""));
  });
}

// As above, of a container whose labels look like a struct's fields: what functions and numbers print and refuse.
for (const { template, stdout, stderr } of functionsGolden.cases) {
  test(`compileTemplate() agrees with the stock client on ${template}`, () => {
    let said = "";
    let refused = "";
    try {
      said = compileTemplate(template, options).execute(functionsGolden.data);
    } catch (error) {
      refused = `template parsing error: ${error instanceof Error ? error.message : error}`;
    }
    expect([said, refused]).toEqual([stdout.slice(0, -1), stderr.slice(0, -1)]);
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
