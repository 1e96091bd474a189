import { expect, test } from "bun:test";
import { failureDetail } from "../../api/buildkit/failures.ts";
import { lostConnection } from "../../lib/grpc/client.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { buildFailure } from "./failure.ts";

const failedRun = 'process "/bin/sh -c false" did not complete successfully: exit code: 1';

test("buildFailure() knows a failed RUN, and the image of its files where the builder kept them", () => {
  const stepOf = (text: string, image: string | null) => {
    const details = image === null ? [] : [failureDetail("failedStep", { image })];
    return buildFailure(new GrpcError(statusCodes.unknown, text, { details }), null).failedStep;
  };
  expect(stepOf(failedRun, "sha256:a")).toEqual({ image: "sha256:a" });
  // BuildKit knows nothing of the attribute.
  expect(stepOf(failedRun, null)).toEqual({ image: null });
  expect(stepOf("dockerfile parse error", null)).toBeNull();
});

test("buildFailure() tells a daemon that is gone from one that refuses", () => {
  const textOf = (text: string) => buildFailure(new GrpcError(statusCodes.unavailable, text), null).message;
  expect(textOf(lostConnection)).toBe("ERROR: failed to build: the daemon went away: the connection was closed");
  expect(textOf("git fetch: no such host")).toBe("ERROR: failed to build: failed to solve: git fetch: no such host");
});
