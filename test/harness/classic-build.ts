import { afterAll, beforeAll } from "bun:test";

/** Clients of this file use `POST /build`, also where they could build over BuildKit's protocol; those of the next file do not. */
export function classicBuild(): void {
  let before: string | undefined;
  beforeAll(() => {
    before = process.env.DOCKER_BUILDKIT;
    process.env.DOCKER_BUILDKIT = "0";
  });
  afterAll(() => {
    if (before === undefined) delete process.env.DOCKER_BUILDKIT;
    else process.env.DOCKER_BUILDKIT = before;
  });
}
