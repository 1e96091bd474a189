import { expect, test } from "bun:test";
import { byteRate, device, gpuRequest, isCdiName, ulimit, weightDevice } from "./devices.ts";

test("device() tells a mode from a path", () => {
  const whole = { PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" };
  expect(device("/dev/a")).toEqual(whole);
  expect(device("/dev/a:rw")).toEqual({ ...whole, CgroupPermissions: "rw" });
  expect(device("/dev/a:/dev/b:r")).toEqual({ ...whole, PathInContainer: "/dev/b", CgroupPermissions: "r" });
  expect(() => device("/dev/a:rwx")).toThrow("rwx is not an absolute path");
  expect(() => device("/dev/a:/dev/b:rr")).toThrow("bad mode specified: rr");
  expect(isCdiName("vendor.com/gpu=all")).toBe(true);
  expect(isCdiName("/dev/a=b")).toBe(false);
});

test("ulimit() holds the soft limit below the hard one", () => {
  expect(ulimit("nofile=1:2")).toEqual({ Name: "nofile", Soft: 1, Hard: 2 });
  expect(ulimit("nofile=-1")).toEqual({ Name: "nofile", Soft: -1, Hard: -1 });
  expect(() => ulimit("nofile=2:1")).toThrow("less than or equal to hard limit: 2 > 1");
  expect(() => ulimit("as=1")).toThrow("invalid ulimit type: as");
});

test("byteRate() and weightDevice() want a path below /dev", () => {
  expect(byteRate("/dev/a:1k")).toEqual({ Path: "/dev/a", Rate: 1024 });
  expect(() => byteRate("/dev/a")).toThrow("bad format: /dev/a");
  expect(() => weightDevice("a:10")).toThrow("bad format for device path: a:10");
  expect(() => weightDevice("/dev/a:5")).toThrow("invalid weight for device: /dev/a:5");
});

test("gpuRequest() asks for one where nothing says how many", () => {
  expect(gpuRequest("driver=x").Count).toBe(1);
  expect(gpuRequest("all").Count).toBe(-1);
  expect(gpuRequest('"device=0,1"')).toMatchObject({ Count: 0, DeviceIDs: ["0", "1"] });
  expect(() => gpuRequest("all,all")).toThrow("gpu request key 'all' can be specified only once");
});
