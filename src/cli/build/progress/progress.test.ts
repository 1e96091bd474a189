import { expect, test } from "bun:test";
import type { BuildStatus, Vertex } from "../../../client/buildkit/status.ts";
import { PlainProgress } from "./plain.ts";
import { rawJsonLine, timestampText } from "./raw-json.ts";
import { Steps } from "./steps.ts";
import { failureText, sourceText, warningsText } from "./summary.ts";
import { drawFinal, drawLive, printable, type Screen } from "./tree.ts";

const second = 1_000_000_000n;
const start = 1_800_000_000n * second;

const vertex = (name: string, change: Partial<Vertex> = {}): Vertex => ({
  digest: `sha256:${name}`,
  inputs: [],
  name,
  cached: false,
  started: null,
  completed: null,
  error: "",
  group: null,
  ...change,
});
const status = (change: Partial<BuildStatus>): BuildStatus => ({
  vertexes: [],
  statuses: [],
  logs: [],
  warnings: [],
  ...change,
});
const log = (name: string, text: string, at: bigint): BuildStatus =>
  status({ logs: [{ vertex: `sha256:${name}`, stream: 1, data: Buffer.from(text), timestamp: at }] });

function plainOf(feed: (tell: (each: BuildStatus, at?: bigint) => void) => void): string {
  let text = "";
  const steps = new Steps();
  const plain = new PlainProgress((more) => {
    text += more;
  });
  feed((each, at = start) => {
    plain.add(steps.apply(each), at);
    plain.turn(at);
  });
  plain.turn(start + 100n * second, true);
  return text;
}

test("PlainProgress writes steps as BuildKit's clients do", () => {
  const text = plainOf((tell) => {
    tell(status({ vertexes: [vertex("one", { started: start })] }));
    tell(log("one", "a\nhalf", start + second / 4n));
    tell(log("one", " b\n", start + second));
    tell(status({ vertexes: [vertex("one", { started: start, completed: start + second })] }));
    tell(status({ vertexes: [vertex("two", { started: start, completed: start, cached: true })] }));
    tell(status({ vertexes: [vertex("three", { started: start, completed: start, error: "exit code: 1" })] }));
  });
  expect(text).toBe(
    "\n#1 one\n#1 0.250 a\n#1 1.000 half b\n#1 DONE 1.0s\n\n#2 two\n#2 CACHED\n\n#3 three\n#3 ERROR: exit code: 1\n",
  );
});

test("PlainProgress lets one step speak at a time, and another after a while", () => {
  const text = plainOf((tell) => {
    tell(status({ vertexes: [vertex("one", { started: start }), vertex("two", { started: start })] }));
    tell(log("two", "t\n", start), start + second / 2n);
    tell(log("one", "o\n", start), start + second / 2n);
    tell(log("one", "p\n", start), start + 3n * second);
  });
  expect(text).toBe("\n#1 one\n#1 0.000 o\n#1 0.000 p\n#1 ...\n\n#2 two\n#2 0.000 t\n\n#1 one\n");
});

test("PlainProgress tells what a step does once it is done, or goes on for long", () => {
  const doing = (current: number, completed: bigint | null): BuildStatus =>
    status({
      statuses: [
        {
          id: "transferring context:",
          vertex: "sha256:c",
          name: "transferring",
          current,
          total: 0,
          timestamp: start,
          started: start,
          completed,
        },
      ],
    });
  const text = plainOf((tell) => {
    tell(status({ vertexes: [vertex("c", { started: start })] }));
    tell(doing(5, null));
    tell(doing(1_980_000, start + second / 10n));
  });
  expect(text).toBe("\n#1 c\n#1 transferring context: 1.98MB 0.1s done\n");
});

test("rawJsonLine() has buildx's names, and leaves out what is nothing", () => {
  const line = rawJsonLine(
    status({
      vertexes: [vertex("a && b", { started: start + 500_000_000n, cached: true })],
      logs: [{ vertex: "v", stream: 2, data: Buffer.from("x"), timestamp: start }],
    }),
  );
  expect(line).toBe(
    '{"vertexes":[{"digest":"sha256:a \\u0026\\u0026 b","name":"a \\u0026\\u0026 b","started":"2027-01-15T08:00:00.5Z","cached":true}],' +
      '"logs":[{"vertex":"v","stream":2,"data":"eA==","timestamp":"2027-01-15T08:00:00Z"}]}\n',
  );
  expect(rawJsonLine(status({}))).toBe("");
});

test("timestampText() keeps nanoseconds", () => {
  expect(timestampText(start + 1n)).toBe("2027-01-15T08:00:00.000000001Z");
});

const screen: Screen = { rows: 24, columns: 60, colours: false, unicode: true };
const picture = { title: "app", began: start, now: start + 5n * second, state: "running" as const };

function someSteps(done: number, running: number): Steps {
  const steps = new Steps();
  for (let i = 0; i < done; i++)
    steps.apply(
      status({ vertexes: [vertex(`done ${i}`, { started: start, completed: start + second, cached: i % 2 === 0 })] }),
    );
  for (let i = 0; i < running; i++) {
    steps.apply(status({ vertexes: [vertex(`run ${i}`, { started: start + second })] }));
    for (let line = 0; line < 9; line++) steps.apply(log(`run ${i}`, `output ${line}\n`, start));
  }
  return steps;
}

test("drawLive() shows running steps with their time and the end of their output", () => {
  const lines = drawLive(someSteps(1, 1), picture, screen);
  expect(lines).toEqual([
    "Building app 1/2 steps                                 5.0s",
    " ✔ CACHED done 0                                       1.0s",
    " ▸ run 0                                               4.0s",
    ...[3, 4, 5, 6, 7, 8].map((line) => `   │ output ${line}`),
  ]);
});

test.each([
  [10, 60],
  [5, 40],
  [24, 200],
  [3, 20],
])("drawLive() fits %i rows of %i columns, whatever goes on", (rows, columns) => {
  const lines = drawLive(someSteps(30, 4), picture, { ...screen, rows, columns });
  expect(lines.length).toBeLessThan(rows);
  for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  expect(lines.some((line) => line.includes("run 0"))).toBe(true);
});

test("drawLive() tells of the done steps that have no room as one", () => {
  const lines = drawLive(someSteps(30, 1), picture, { ...screen, rows: 12 });
  expect(lines[1]).toStartWith(" ✔ 28 steps done, 14 of them cached");
  expect(lines[2]).toStartWith(" ✔ CACHED done 28");
});

test("drawFinal() leaves every step there, and says which failed", () => {
  const steps = someSteps(30, 0);
  steps.apply(status({ vertexes: [vertex("bad", { started: start, completed: start, error: "exit code: 1" })] }));
  const lines = drawFinal(steps, { ...picture, state: "failed" }, { ...screen, rows: 5 });
  expect(lines).toHaveLength(32);
  expect(lines[0]).toStartWith("Failed app 31/31 steps");
  expect(lines.at(-1)).toStartWith(" ✖ ERROR bad");
});

test.each([
  ["\x1b[31mred\x1b[0m", "red"],
  ["10%\r50%\r100%", "100%"],
  ["a\tb\x07\x1b]0;title\x07c", "a    bc"],
  ["\x1b[2J\x1b[Hgone", "gone"],
])("printable(%j) has no power over the terminal", (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("failureText() shows the output of the step that failed", () => {
  const steps = new Steps();
  steps.apply(status({ vertexes: [vertex("RUN x", { started: start })] }));
  steps.apply(log("RUN x", "out\n", start + second / 2n));
  steps.apply(
    status({ vertexes: [vertex("RUN x", { started: start, completed: start + second, error: "exit code: 1" })] }),
  );
  expect(failureText(steps)).toBe("------\n > RUN x:\n0.500 out\n------\n");
});

const file = { filename: "Dockerfile", data: Buffer.from("FROM a\nRUN x\nCOPY b c\nENV d\n") };
const range = { startLine: 3, startCharacter: 0, endLine: 3, endCharacter: 0 };

test("sourceText() marks lines, and points at a part of one", () => {
  expect(sourceText(file, [range])).toBe(
    "Dockerfile:3\n--------------------\n   1 |     FROM a\n   2 |     RUN x\n   3 | >>> COPY b c\n   4 |     ENV d\n   5 |     \n--------------------\n",
  );
  expect(sourceText(file, [{ ...range, startCharacter: 5, endCharacter: 6 }])).toContain(
    "   3 | >>> COPY b c\n     |          ^\n",
  );
});

test("warningsText() lists warnings, in full where that is wanted", () => {
  const warning = {
    vertex: "",
    level: 1,
    short: "Rule: words",
    detail: ["more"],
    url: "http://u",
    source: file,
    ranges: [range],
  };
  expect(warningsText([warning], false)).toBe("\n 1 warning found (--debug shows more):\n - Rule: words (line 3)\n");
  expect(warningsText([warning], true)).toContain("\n - Rule: words\nmore\nMore at http://u\nDockerfile:3\n");
});
