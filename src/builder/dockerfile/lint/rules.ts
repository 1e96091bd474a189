/**
 * The rules of `--check`: BuildKit's names, descriptions and messages. docs/reference/dockerfile-rules.md is made of this
 * table.
 */
import { printf } from "../../../lib/go-template/printf.ts";

export interface Rule {
  /** What the rule asks for. */
  readonly description: string;
  /** Why, for the docs. */
  readonly reason: string;
  readonly bad: string;
  readonly good: string;
  /** Asked for by `# check=experimental=NAME` only. */
  readonly isExperimental?: true;
}

const quoted = (text: string): string => printf("%q", [text]);
const meant = (suggestion: string | null, sign = ""): string =>
  suggestion === null ? "" : ` (did you mean ${sign}${suggestion}?)`;

/** What each rule says of one place. */
export const messages = {
  ConsistentInstructionCasing: (keyword: string, casing: "lowercase" | "uppercase") =>
    `Command '${keyword}' should match the case of the command majority (${casing})`,
  CopyIgnoredFile: (instruction: "Copy" | "Add", path: string) =>
    `Attempting to ${instruction} file ${quoted(path)} that is excluded by .dockerignore`,
  DuplicateStageName: (stage: string) => `Duplicate stage name ${quoted(stage)}, stage names should be unique`,
  ExposeInvalidFormat: (port: string) =>
    `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  ExposeProtoCasing: (port: string) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  FromAsCasing: (from: string, as: string) => `'${as}' and '${from}' keywords' casing do not match`,
  FromPlatformFlagConstDisallowed: (platform: string) =>
    `FROM --platform flag should not use constant value ${quoted(platform)}`,
  InvalidBaseImagePlatform: (image: string, expected: string, actual: string) =>
    `Base image ${image} was pulled with platform ${quoted(actual)}, expected ${quoted(expected)} for current build`,
  InvalidDefaultArgInFrom: (base: string) =>
    `Default value for ARG ${base} results in empty or invalid base image name`,
  InvalidDefinitionDescription: (instruction: string, name: string) =>
    `Comment for ${instruction} should follow the format: \`# ${name} <description>\``,
  JSONArgsRecommended: (instruction: string) =>
    `JSON arguments recommended for ${instruction} to prevent unintended behavior related to OS signals`,
  LegacyKeyValueFormat: (instruction: string) =>
    `"${instruction} key=value" should be used instead of legacy "${instruction} key value" format`,
  MaintainerDeprecated: () => "Maintainer instruction is deprecated in favor of using label",
  MultipleInstructionsDisallowed: (instruction: string) =>
    `Multiple ${instruction} instructions should not be used in the same stage because only the last one will be used`,
  NoEmptyContinuation: () => "Empty continuation line",
  RedundantTargetPlatform: (variable: string) =>
    `Setting platform to predefined ${variable} in FROM is redundant as this is the default behavior`,
  ReservedStageName: (stage: string) => `Stage name should not use the same name as reserved stage ${quoted(stage)}`,
  SecretsUsedInArgOrEnv: (instruction: "ARG" | "ENV", name: string) =>
    `Do not use ARG or ENV instructions for sensitive data (${instruction} ${quoted(name)})`,
  StageNameCasing: (stage: string) => `Stage name '${stage}' should be lowercase`,
  UndefinedArgInFrom: (name: string, suggestion: string | null) =>
    `FROM argument '${name}' is not declared${meant(suggestion)}`,
  UndefinedVar: (name: string, suggestion: string | null) =>
    `Usage of undefined variable '$${name}'${meant(suggestion, "$")}`,
  WorkdirRelativePath: (path: string) =>
    `Relative workdir ${quoted(path)} can have unexpected results if the base image changes`,
};

export type RuleName = keyof typeof messages;

export const rules: Readonly<Record<RuleName, Rule>> = {
  ConsistentInstructionCasing: {
    description: "All commands within the Dockerfile should use the same casing (either upper or lower)",
    reason:
      "Instructions may be written in any case. A file that keeps to one is easier to read; what most of them have is right.",
    bad: "FROM alpine\nrun apk add git",
    good: "FROM alpine\nRUN apk add git",
  },
  CopyIgnoredFile: {
    description: "Attempting to Copy file that is excluded by .dockerignore",
    reason:
      "What .dockerignore excludes is not in the build context, so the copy finds nothing. Files with exceptions (`!`) are not looked at.",
    bad: "# .dockerignore: */tmp\nCOPY src/tmp /app/",
    good: "COPY src/lib /app/",
    isExperimental: true,
  },
  DuplicateStageName: {
    description: "Stage names should be unique",
    reason: "`COPY --from` and `--target` take the last stage of a name, whichever was meant.",
    bad: "FROM debian AS base\nFROM alpine AS base",
    good: "FROM debian AS builder\nFROM alpine AS runner",
  },
  ExposeInvalidFormat: {
    description:
      "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    reason:
      "An image says which ports it listens on; where they are published is said at run time (`-p`). Everything before the last colon is dropped.",
    bad: "EXPOSE 127.0.0.1:80:80",
    good: "EXPOSE 80",
  },
  ExposeProtoCasing: {
    description: "Protocol in EXPOSE instruction should be lowercase",
    reason: "Protocols are written in lowercase everywhere else, and are put down so.",
    bad: "EXPOSE 80/TCP",
    good: "EXPOSE 80/tcp",
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    reason: "They are one instruction.",
    bad: "FROM debian as builder",
    good: "FROM debian AS builder",
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform flag should not use a constant value",
    reason:
      "A fixed platform makes a file that builds for one platform only, whatever `--platform` asks for. A stage whose name says which platform it is for may have one.",
    bad: "FROM --platform=linux/amd64 alpine AS base",
    good: "FROM --platform=$BUILDPLATFORM alpine AS base",
  },
  InvalidBaseImagePlatform: {
    description: "Base image platform does not match expected target platform",
    reason:
      "The image that was found is for another platform than this build: its programs may not run, and the result claims to be what it is not.",
    bad: "# docker build --platform linux/arm64 .\nFROM tool-for-amd64-only",
    good: "# docker build --platform linux/amd64 .\nFROM tool-for-amd64-only",
  },
  InvalidDefaultArgInFrom: {
    description: "Default value for global ARG results in an empty or invalid base image name",
    reason: "The file cannot be built without `--build-arg`. A default makes it build as it is.",
    bad: "ARG TAG\nFROM busybox:$TAG",
    good: "ARG TAG=latest\nFROM busybox:$TAG",
  },
  InvalidDefinitionDescription: {
    description:
      "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    reason:
      "`--call outline` and `--call targets` show such comments as descriptions. An empty comment (`#`) in between keeps one from being taken for it.",
    bad: "# a linux base image\nFROM alpine AS base",
    good: "# base a linux base image\nFROM alpine AS base",
    isExperimental: true,
  },
  JSONArgsRecommended: {
    description: "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    reason:
      "The other form runs a shell, which is then the process that signals reach. Where a shell is wanted, SHELL says so.",
    bad: "ENTRYPOINT my-program start",
    good: 'ENTRYPOINT ["my-program", "start"]',
  },
  LegacyKeyValueFormat: {
    description: "Legacy key/value format with whitespace separator should not be used",
    reason: "It takes one key only, and everything after the first blank for its value.",
    bad: "ENV DIR /some dir",
    good: 'ENV DIR="/some dir"',
  },
  MaintainerDeprecated: {
    description: "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    reason: "Labels are kept by builders and registries alike, and can be asked for by name.",
    bad: "MAINTAINER moby@example.com",
    good: "LABEL org.opencontainers.image.authors=moby@example.com",
  },
  MultipleInstructionsDisallowed: {
    description: "Multiple instructions of the same type should not be used in the same stage",
    reason:
      "Of CMD, HEALTHCHECK and ENTRYPOINT only the last one of a stage counts; the place named is one that is ignored.",
    bad: 'ENTRYPOINT ["echo", "a"]\nENTRYPOINT ["echo", "b"]',
    good: 'ENTRYPOINT ["echo", "b"]',
  },
  NoEmptyContinuation: {
    description: "Empty continuation lines will become errors in a future release",
    reason:
      "An empty line inside an instruction is dropped, which is not what it looks like. A comment line may stand there.",
    bad: "EXPOSE \\\n\n80",
    good: "EXPOSE \\\n# the web\n80",
  },
  RedundantTargetPlatform: {
    description: "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    reason: "Stages are for the target platform unless something else is said.",
    bad: "FROM --platform=$TARGETPLATFORM alpine AS builder",
    good: "FROM alpine AS builder",
  },
  ReservedStageName: {
    description: "Reserved words should not be used as stage names",
    reason: "`scratch` is the empty image, and `context` the files given to the build.",
    bad: "FROM alpine AS scratch",
    good: "FROM alpine AS builder",
  },
  SecretsUsedInArgOrEnv: {
    description: "Sensitive data should not be used in the ARG or ENV commands",
    reason:
      "Both stay in the image's configuration or history. A secret belongs in `RUN --mount=type=secret`. Goes by words in the name: apikey, auth, credential(s), key, password, pword, passwd, secret, token; not with public.",
    bad: "ARG AWS_SECRET_ACCESS_KEY",
    good: "RUN --mount=type=secret,id=aws,env=AWS_SECRET_ACCESS_KEY upload",
  },
  StageNameCasing: {
    description: "Stage names should be lowercase",
    reason: "Names of stages are compared without regard to case; lowercase tells them from instructions.",
    bad: "FROM alpine AS BuilderBase",
    good: "FROM alpine AS builder-base",
  },
  UndefinedArgInFrom: {
    description: "FROM command must use declared ARGs",
    reason: "Only ARGs before the first FROM, and the predefined ones, can be used in FROM.",
    bad: "FROM debian:$TGA",
    good: "ARG TAG=stable\nFROM debian:$TAG",
  },
  UndefinedVar: {
    description: "Variables should be defined before their use",
    reason: "A variable that is not set is empty: often a typing mistake, or an ARG of another stage.",
    bad: "ARG foo\nCOPY $fooo .",
    good: "ARG foo\nCOPY $foo .",
  },
  WorkdirRelativePath: {
    description:
      "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    reason: "A relative path begins at the working directory of the base image, which its next version may change.",
    bad: "FROM nginx\nWORKDIR usr/share/nginx/html",
    good: "FROM nginx\nWORKDIR /usr/share/nginx/html",
  },
};

/** Where the docs speak of a rule. */
export function ruleUrl(name: RuleName): string {
  return `docs/reference/dockerfile-rules.md#${name.toLowerCase()}`;
}
