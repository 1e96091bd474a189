/** The libraries that programs in other languages drive Docker with, each against a daemon of ours. */
import { describe } from "bun:test";
import { clientCases } from "../harness/client-cases.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe("dockerode", () => clientCases("dockerode", () => daemon().socket));
describe("testcontainers", () => clientCases("testcontainers", () => daemon().socket));
describe("python3-docker", () => clientCases("docker-py", () => daemon().socket));
