import { expect, test } from "bun:test";
import type { ImageInspect, ImageSummary } from "../api/images.ts";
import { withOldFields, withVirtualSizes } from "./old-images.ts";

const image = {
  Id: "sha256:1",
  Size: 7,
  Descriptor: { mediaType: "m", digest: "d", size: 1 },
  Config: { Cmd: ["sh"], Volumes: { "/data": {} }, User: "me" },
} as unknown as ImageInspect;

test("withOldFields() tells what each version of the API told", () => {
  expect(withOldFields(image, "1.51", "Docker-Client/28")).toEqual(image);
  expect(withOldFields(image, "1.49", "")).toMatchObject({
    Descriptor: { digest: "d" },
    Config: { Hostname: "", Cmd: ["sh"], User: "me", Labels: null },
  });
  expect(withOldFields(image, "1.47", "").Descriptor).toBeUndefined();
  expect(withOldFields(image, "1.45", "").ContainerConfig).toBeUndefined();
  expect(withOldFields(image, "1.44", "")).toMatchObject({
    ContainerConfig: { Hostname: "", Cmd: null, Volumes: { "/data": {} } },
  });
  expect(withOldFields(image, "1.44", "").VirtualSize).toBeUndefined();
  expect(withOldFields(image, "1.43", "")).toMatchObject({ VirtualSize: 7, Created: "0001-01-01T00:00:00Z" });
});

test("withOldFields() tells docker-compose 1 what it reads, whatever version it asks with", () => {
  const told = withOldFields(image, "1.51", "docker-compose/1.29.2 Linux/6.1");
  expect(told.ContainerConfig).toMatchObject({ Volumes: { "/data": {} } });
  expect(withOldFields(image, "1.51", "docker-compose/2.40.3").ContainerConfig).toBeUndefined();
});

test("withVirtualSizes() tells the size twice before API 1.44", () => {
  const list = [{ Id: "a", Size: 3 } as ImageSummary];
  expect(withVirtualSizes(list, "1.43")).toMatchObject([{ Size: 3, VirtualSize: 3 }]);
  expect(withVirtualSizes(list, "1.44")).toEqual(list);
});
