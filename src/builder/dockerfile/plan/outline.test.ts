import { expect, test } from "bun:test";
import { readStages } from "../instructions/stages.ts";
import { Linter } from "../lint/linter.ts";
import { readLintOptions } from "../lint/options.ts";
import { parseFile } from "../syntax/parse.ts";
import { planOf } from "./fakes.ts";
import { targetsOf } from "./outline.ts";

// What buildx 0.29 prints of this file with --call outline and --call targets.
const dockerfile = `# VERSION is the version
ARG VERSION=1.2
ARG UNUSED=x
ARG BASE=scratch
# build makes it
FROM $BASE AS build
# DEBUG turns on things
ARG DEBUG=$VERSION
ARG VERSION
ARG NOVALUE
RUN --mount=type=secret,id=tok,required --mount=type=ssh --mount=type=secret,id=opt,env=X make
FROM scratch AS other
ARG OTHER=1
# final is last
FROM build AS final
ARG LAST=q
ENV a=$LAST
`;

test("an outline has the arguments, secrets and agents of all that the target needs", async () => {
  const { outline } = await planOf(dockerfile);
  const { name, description, args, secrets, ssh } = outline;
  expect([name, description]).toEqual(["final", "is last"]);
  expect(args.map((arg) => [arg.name, arg.value, arg.description, arg.range.start.line])).toEqual([
    ["VERSION", "1.2", "is the version", 2],
    ["BASE", "scratch", "", 4],
    ["DEBUG", "", "turns on things", 8],
    ["NOVALUE", null, "", 10],
    ["LAST", "q", "", 16],
  ]);
  expect(secrets.map((each) => [each.name, each.isRequired, each.range.start.line])).toEqual([
    ["tok", true, 11],
    ["opt", false, 11],
  ]);
  expect(ssh.map((each) => [each.name, each.isRequired])).toEqual([["default", false]]);
});

test("an outline of another target has its own, and the command line's values", async () => {
  const { outline } = await planOf(dockerfile, { target: "other", buildArgs: new Map([["OTHER", "z"]]) });
  expect(outline.args.map(({ name, value }) => [name, value])).toEqual([["OTHER", "z"]]);
});

test("targets are the stages as they are written", () => {
  const file = parseFile(Buffer.from(dockerfile), "Dockerfile");
  const { stages } = readStages(file, new Linter(readLintOptions("")));
  expect(
    targetsOf(stages).map(({ name, isDefault, description, base }) => [name, isDefault, description, base]),
  ).toEqual([
    ["build", false, "makes it", "$BASE"],
    ["other", false, "", "scratch"],
    ["final", true, "is last", "build"],
  ]);
});
