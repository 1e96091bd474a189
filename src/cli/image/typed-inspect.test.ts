import { expect, test } from "bun:test";
import { typedImage } from "./typed-inspect.ts";

test("typedImage() orders the configuration by its type and hides what is empty", () => {
  const Config = { Cmd: ["sh"], Env: null, Hostname: "h", Labels: null, User: "u", WorkingDir: "" };
  const image = typedImage({ Id: "x", Author: "", Architecture: "amd64", Os: "linux", RootFS: {}, Config });
  expect(JSON.stringify(image)).toBe(
    '{"Id":"x","Author":"","Config":{"User":"u","Cmd":["sh"]},"Architecture":"amd64","Os":"linux","RootFS":{}}',
  );
  expect((image as { Config: { WorkingDir: string } }).Config.WorkingDir).toBe("");
});

test("typedImage() leaves other objects alone", () => {
  const container = { Id: "x", Config: { Env: null } };
  expect(typedImage(container)).toBe(container);
});

test("typedImage() writes the time of the last tag as Go does", () => {
  const shown = (LastTagTime: string): unknown => {
    const image = typedImage({ RootFS: {}, Config: {}, Metadata: { LastTagTime } });
    return (image as { Metadata: { LastTagTime: string } }).Metadata.LastTagTime;
  };
  expect(shown("2026-11-26T04:07:50.300Z")).toBe("2026-11-26T04:07:50.3Z");
  expect(shown("2026-11-26T04:07:50.000Z")).toBe("2026-11-26T04:07:50Z");
  expect(shown("2026-11-26T04:07:50Z")).toBe("2026-11-26T04:07:50Z");
});
