import { expect, test } from "bun:test";
import { compileFormat } from "./format-template.ts";

test("compileFormat() leaves backslashes to the template, of which only a list's format knows more", () => {
  const data = { Cmd: ["a", "b"], Name: "n" };
  expect(compileFormat('{{join .Cmd "\\n"}}').execute(data)).toBe("a\nb");
  expect(compileFormat('{{printf "%s\\t." .Name}}').execute(data)).toBe("n\t.");
  expect(compileFormat("a\\tb\\n").execute(data)).toBe("a\\tb\\n");
});
