import { expect, test } from "bun:test";
import { notFound, unavailable } from "../../../lib/errors.ts";
import { IgnoreMatcher } from "../../../lib/ignore/ignore.ts";
import type { Platform } from "../../../lib/platform.ts";
import { parseFile } from "../syntax/parse.ts";
import { DockerfileError } from "../text/dockerfile-error.ts";
import { checkBuild } from "./build.ts";
import { amd64, baseImage, planOf, planOptions } from "./fakes.ts";
import { inputsOf, keyText } from "./key.ts";
import type { BaseImages, PlanOptions } from "./options.ts";
import type { BuildPlan, StagePlan, Work } from "./plan.ts";

const arm64: Platform = { os: "linux", architecture: "arm64" };

const workOf = async (dockerfile: string, given: Partial<PlanOptions> = {}): Promise<Work> => {
  const { target } = await planOf(dockerfile, given);
  return target.steps.flatMap(({ work }) => work ?? []).at(-1)!;
};
const names = ({ stages }: BuildPlan): string[] => stages.map(({ name }) => name);

test("planBuild() asks for each image once, and only for those that are needed", async () => {
  const asked: string[] = [];
  const images: BaseImages = {
    resolve: async (reference, { architecture }) => {
      asked.push(`${reference} ${architecture}`);
      return { ...baseImage, reference: `${reference}@sha256:${"0".repeat(64)}` };
    },
  };
  const dockerfile =
    "FROM a AS x\nFROM b AS unneeded\nFROM A.example.com/a:1 AS y\nCOPY --from=a / /\nRUN --mount=from=c:2,target=/m true\nFROM y\nCOPY --from=x / /x\n";
  const plan = await planOf(dockerfile, { images });
  expect(asked.sort()).toEqual([
    "A.example.com/a:1 amd64",
    "docker.io/library/a:latest amd64",
    "docker.io/library/c:2 amd64",
  ]);
  expect(names(plan)).toEqual(["x", "y", "stage-3"]);
  expect(plan.stages[0]!.label).toBe(`[x 1/1] FROM docker.io/library/a:latest@sha256:${"0".repeat(64)}`);
});

test("an image that cannot be had is told of at its FROM, with its own kind and what may have been meant", async () => {
  const images: BaseImages = {
    resolve: async (reference) => {
      throw reference.includes("debian") ? unavailable("registry is away") : notFound("not found");
    },
  };
  await expect(planOf("FROM scratch AS tools\nFROM tols\n", { images })).rejects.toMatchObject({
    name: "DockerfileError",
    kind: "notFound",
    message: "tols: not found (did you mean tools?)",
    ranges: [{ start: { line: 2 } }],
  });
  await expect(planOf("FROM debian:12\n", { images })).rejects.toMatchObject({ kind: "unavailable" });
});

test("named contexts stand in for images and for whole stages, and copies take from them", async () => {
  const namedContexts: PlanOptions["namedContexts"] = new Map([
    ["debian", { kind: "image", resolve: async () => ({ ...baseImage, settings: { Env: ["NAMED=1"] } }) }],
    ["build", { kind: "files" }],
    ["docs", { kind: "files" }],
  ]);
  const dockerfile =
    "FROM nosuchimage AS build\nRUN make\nFROM debian:latest\nCOPY --from=build /a /b\nCOPY --from=docs / /docs\nRUN echo $NAMED\n";
  const plan = await planOf(dockerfile, { namedContexts });
  expect(plan.stages.map(({ name, base, steps }) => [name, base, steps.length])).toEqual([
    ["build", { from: "named", name: "build" }, 0],
    ["stage-1", { from: "image", reference: baseImage.reference, platform: baseImage.platform }, 3],
  ]);
  expect(plan.target.steps.flatMap(({ work }) => (work ? inputsOf(work) : []))).toEqual([
    { from: "stage", stage: 0 },
    { from: "named", name: "docs" },
  ]);
  expect(plan.target.image.settings.Env).toContain("NAMED=1");
});

test("the image is for the platform that was asked for; without one it is for what the base is", async () => {
  const images: BaseImages = { resolve: async () => ({ ...baseImage, platform: arm64 }) };
  const implied = await planOf("FROM a\nRUN x\n", { images });
  expect([implied.target.image.architecture, implied.target.platform, implied.warnings]).toEqual(["arm64", arm64, []]);
  const asked = await planOf("FROM a\nRUN x\n", { images, targetPlatform: amd64 });
  expect([asked.target.image.architecture, asked.warnings.map(({ rule }) => rule)]).toEqual([
    "amd64",
    ["InvalidBaseImagePlatform"],
  ]);
  const cross = await planOf("FROM --platform=$BUILDPLATFORM scratch AS c\nRUN x\nFROM dbase\nCOPY --from=c / /\n", {
    targetPlatform: arm64,
    isMultiPlatform: true,
    images: { resolve: async (reference) => ({ ...baseImage, reference, platform: arm64 }) },
  });
  expect(cross.target.steps.at(-1)!.label).toBe("[linux/arm64 stage-1 2/2] COPY --from=c / /");
  expect(cross.target.image.architecture).toBe("arm64");
});

test("labels of the command line, --no-cache and its filter, unused arguments and the epoch come into the plan", async () => {
  const dockerfile = "ARG USED\nFROM scratch AS a\nLABEL x=1 y=1\nFROM a AS b\nARG ALSO\n";
  const plan = await planOf(dockerfile, {
    labels: new Map([["x", "cli"]]),
    noCache: new Set(["a"]),
    buildArgs: new Map([
      ["USED", "1"],
      ["ALSO", "1"],
      ["MISSPELT", "1"],
      ["http_proxy", "x"],
      ["SOURCE_DATE_EPOCH", "7"],
    ]),
  });
  expect(plan.target.image.settings.Labels).toEqual({ x: "cli", y: "1" });
  expect(plan.stages.map(({ ignoresCache }) => ignoresCache)).toEqual([true, false]);
  expect(plan.unusedBuildArgs).toEqual(["MISSPELT"]);
  expect(plan.frontend).toMatchObject({ epoch: 7, proxies: ["HTTP_PROXY=x", "http_proxy=x"] });
});

test("BUILDKIT_SANDBOX_HOSTNAME is the host of every RUN, and part of what it is", async () => {
  const runOf = async (name: string) => {
    const plan = await planOf("FROM scratch\nRUN x\n", { buildArgs: new Map([["BUILDKIT_SANDBOX_HOSTNAME", name]]) });
    const { work } = plan.target.steps[0]!;
    return work?.kind === "run" ? work : null;
  };
  const [own, other] = [await runOf(""), await runOf("box")];
  expect([own?.hostname, other?.hostname]).toEqual([undefined, "box"]);
  expect(keyText(own!)).not.toBe(keyText(other!));
  await expect(runOf("a b")).rejects.toThrow('invalid BUILDKIT_SANDBOX_HOSTNAME: "a b"');
});

test("a frontend of its own is refused, Docker's is answered, and an argument decides over the file", async () => {
  const own = "# syntax=docker/dockerfile:1.7-labs\nFROM scratch\n";
  expect((await planOf(own)).stages).toHaveLength(1);
  const buildArgs = new Map([["BUILDKIT_SYNTAX", "example.com/other:1"]]);
  await expect(planOf(own, { buildArgs })).rejects.toMatchObject({ kind: "notImplemented" });
  await expect(planOf("# syntax=example.com/other:1\nFROM scratch\n")).rejects.toThrow(
    "example.com/other:1 cannot be run",
  );
});

test("keyText() is the same for the same work, wherever it stands and whatever it is called", async () => {
  const one = await workOf("FROM scratch\nRUN   make   all\n");
  const other = await workOf("FROM scratch AS other\n\n# comment\nLABEL a=b\nRUN   make   all\n");
  expect(keyText(one)).toBe(keyText(other));
  expect(keyText(await workOf("FROM scratch\nENV A=1\nRUN   make   all\n"))).not.toBe(keyText(one));
  expect(keyText(await workOf("FROM scratch\nRUN --network=none   make   all\n"))).not.toBe(keyText(one));
  const copy = await workOf("FROM scratch AS a\nFROM scratch AS b\nFROM scratch\nCOPY --from=b /x /y\n");
  const renamed = await workOf("FROM scratch AS q\nFROM scratch\nCOPY --from=q /x /y\n");
  expect(keyText(copy)).toBe(keyText(renamed));
  expect(inputsOf(copy)).toEqual([{ from: "stage", stage: 1 }]);
});

test("what is secret is in no key, label or history", async () => {
  const dockerfile =
    "FROM scratch\nADD https://user:hunter2@example.com/x.git#main /x\nADD https://user:hunter2@example.com/f /f\nARG HTTP_PROXY\nRUN --mount=type=secret,id=k,env=KEY use $KEY\n";
  const { target } = await planOf(dockerfile, { buildArgs: new Map([["HTTP_PROXY", "http://user:hunter2@proxy"]]) });
  // A proxy that the file asks for by name is a variable of RUN like any other, and so part of its key.
  const shown = target.steps.map(({ label, history, work }) => [
    label,
    history,
    work?.kind === "copy" && keyText(work),
  ]);
  expect(JSON.stringify(shown)).not.toContain("hunter2");
  expect(JSON.stringify(target.image)).not.toContain("hunter2");
  const other = await planOf(dockerfile.replaceAll("hunter2", "other"));
  const copies = ({ steps }: StagePlan): string[] =>
    steps.flatMap(({ work }) => (work?.kind === "copy" ? [keyText(work)] : []));
  expect(copies(other.target)).toEqual(copies(target));
});

test("contextPaths are what is read of the context, null for all of it", async () => {
  const paths = async (dockerfile: string): Promise<readonly string[] | null> =>
    (await planOf(dockerfile)).contextPaths;
  expect(
    await paths("FROM scratch\nCOPY a ../b/ c*/ /x/\nADD http://h/f d /x/\nRUN --mount=source=e,target=/e true\n"),
  ).toEqual(["/a", "/b/", "/c*/", "/d", "/e"]);
  expect(await paths("FROM scratch\nCOPY . /\nCOPY a /\n")).toBe(null);
  expect(await paths("FROM scratch AS a\nCOPY --parents x/./y z /d\nFROM a\n")).toEqual(["/x/y", "/z"]);
  expect(await paths("FROM scratch AS a\nCOPY . /\nFROM scratch\n")).toEqual([]);
});

test("triggers of a base come first, may need stages of their own, and are not handed on", async () => {
  const image = { ...baseImage, settings: { OnBuild: ["COPY --from=helper /a /b", "RUN make"] } };
  const images: BaseImages = { resolve: async () => image };
  const plan = await planOf("FROM scratch AS helper\nCOPY a /\nFROM base AS one\nFROM one\n", { images });
  expect(names(plan)).toEqual(["helper", "one", "stage-2"]);
  expect(plan.stages[1]!.steps.map(({ label }) => label)).toEqual([
    "[one 2/3] ONBUILD COPY --from=helper /a /b",
    "[one 3/3] ONBUILD RUN make",
  ]);
  expect(plan.target.steps).toEqual([]);
  expect(plan.target.image.settings.OnBuild).toEqual([]);
});

test.each([
  ["ONBUILD ONBUILD RUN x", "Chaining ONBUILD"],
  ["ENV a", "ENV must have two arguments"],
  ["COPY --what a b", "unknown flag: --what"],
  ["ENV a=$" + "{b", "missing '}'"],
  ["FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["RUN a\nRUN b", "onbuild trigger should be a single expression"],
  ["", "the Dockerfile cannot be empty"],
  ["COPY --from=7 a b", "invalid stage index 7"],
])("a trigger %j of an image is refused at its FROM", async (trigger, why) => {
  const images: BaseImages = { resolve: async () => ({ ...baseImage, settings: { OnBuild: [trigger] } }) };
  const failure = planOf("ARG A=x\nFROM $A\n", { images });
  await expect(failure).rejects.toThrow(why);
  await expect(failure).rejects.toMatchObject({
    name: "DockerfileError",
    ranges: [{ start: { line: 2 } }],
    caret: null,
  });
});

test("checkBuild() answers the warnings up to the mistake, and the mistake", async () => {
  const file = parseFile(Buffer.from("FROM scratch as x\nCMD a\nSTOPSIGNAL NOPE\n"), "Dockerfile");
  const { warnings, error, plan } = await checkBuild(file, planOptions({ allStages: true }));
  expect(warnings.map(({ rule }) => rule)).toEqual(["FromAsCasing", "JSONArgsRecommended"]);
  expect(warnings[0]!.url).toBe("docs/reference/dockerfile-rules.md#fromascasing");
  expect(error).toBeInstanceOf(DockerfileError);
  expect(plan).toBe(null);
});

test("CopyIgnoredFile speaks where it is asked for, of files that .dockerignore leaves out", async () => {
  const dockerfile = "# check=experimental=CopyIgnoredFile\nFROM scratch\nCOPY a/b c /x/\nADD --link d /x\nCOPY . /y\n";
  const said = async (patterns: string[]): Promise<string[]> =>
    (await planOf(dockerfile, { ignore: new IgnoreMatcher(patterns) })).warnings.map(({ message }) => message);
  expect(await said(["a", "d"])).toEqual([
    'Attempting to Copy file "a/b" that is excluded by .dockerignore',
    'Attempting to Add file "d" that is excluded by .dockerignore',
  ]);
  expect(await said(["a", "!a/b"])).toEqual([]);
});
