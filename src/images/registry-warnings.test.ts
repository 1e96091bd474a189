import { expect, test } from "bun:test";
import { pullBench } from "../../test/fixtures/pull-bench.ts";
import type { ProgressMessage } from "../api/images.ts";
import { background } from "../lib/operation.ts";
import { warningsOnce } from "./registry-warnings.ts";

const bench = pullBench(2);

test("pull and push tell what the registry warns of, once each", async () => {
  bench.serve();
  bench.registry.fault = ({ method = "", url = "" }, response) => {
    response.setHeader("warning", '299 - "gone \\"soon\\""');
    if (method === "PUT" && url.includes("/manifests/")) {
      response.writeHead(201).end();
      return true;
    }
    return false;
  };
  const told: ProgressMessage[] = [];
  const tell = (message: ProgressMessage): void => void told.push(message);
  const warning = { status: `WARNING: registry ${bench.registry.host}: gone "soon"` };
  const warned = (): ProgressMessage[] => told.splice(0).filter(({ status }) => status?.startsWith("WARNING"));
  await bench.pull(tell);
  expect(told[0]).toEqual(warning);
  expect(warned()).toEqual([warning]);
  await bench.images.push(
    `${bench.registry.host}/a/b`,
    { tag: "1", platform: "", auth: undefined },
    tell,
    background(),
  );
  expect(warned()).toEqual([warning]);
});

test("warningsOnce() holds back a warning that was told, and nothing else", () => {
  const told: ProgressMessage[] = [];
  const tell = warningsOnce((message) => told.push(message));
  const messages = [
    { status: "WARNING: registry a: x" },
    { status: "Digest: y" },
    { status: "WARNING: registry a: x" },
    { status: "WARNING: registry a: z" },
    { status: "Digest: y" },
  ];
  for (const message of messages) tell(message);
  expect(told).toEqual(messages.toSpliced(2, 1));
});
