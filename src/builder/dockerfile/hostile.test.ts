/** Files that are made to take a builder along (hardening C, Dockerfile): each is read or refused within a second of work. */
import { expect, test } from "bun:test";
import { workMs } from "../../../test/harness/work.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { readIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import { planOf } from "./plan/fakes.ts";
import { DockerfileError } from "./text/dockerfile-error.ts";

const allowedMs = 3_000;

/** Continued over lines that are short enough by themselves. */
const continued = (instruction: string, words: readonly string[]): string => `${instruction} ${words.join(" \\\n")}\n`;
const times = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

interface Hostile {
  name: string;
  dockerfile: string;
  /** What is said; null where it is read after all. */
  says: RegExp | null;
  /** The first line that is named. */
  line?: number;
}

const cases: Hostile[] = [
  {
    name: "a line of a mebibyte",
    dockerfile: `FROM scratch\nRUN ${"x".repeat(1024 * 1024)}\n`,
    says: /line greater than max allowed size of 65535/,
    line: 2,
  },
  {
    name: "an instruction of many lines",
    dockerfile: `FROM scratch\n${continued("RUN", Array(2_000).fill("x".repeat(1_000)))}`,
    says: /longer than 1048576 characters/,
    line: 2,
  },
  {
    name: "100,000 instructions",
    dockerfile: `FROM scratch\n${times(100_000, (i) => `RUN ${i}`)}\n`,
    says: /more than 20000 instructions/,
    line: 20_001,
  },
  {
    name: "10,000 stages",
    dockerfile: `${times(10_000, () => "FROM scratch")}\n`,
    says: /more than 2000 stages/,
    line: 2_001,
  },
  {
    name: "a heredoc without end",
    dockerfile: `FROM scratch\nCOPY <<EOF /x\n${times(100_000, () => "text of the file")}\n`,
    says: /unterminated heredoc/,
    line: 2,
  },
  {
    name: "heredocs by the thousand",
    dockerfile: `FROM scratch\nRUN ${times(5_000, (i) => `<<a${i}`).replaceAll("\n", " ")}\n${times(5_000, (i) => `a${i}`)}\n`,
    says: null,
  },
  {
    name: "expansions inside each other",
    dockerfile: `FROM scratch\nENV a=${"${a:-".repeat(10_000)}x${"}".repeat(10_000)}\n`,
    says: /nested deeper than 64/,
    line: 2,
  },
  {
    name: "words of one letter, and of nothing but the beginnings of URLs",
    dockerfile: `FROM scratch\nENV a=${"a".repeat(60_000)}\nENV b=${"://a:".repeat(12_000)}\nRUN ${":".repeat(60_000)}\n`,
    says: null,
  },
  {
    name: "a pattern of many stars",
    dockerfile: `FROM scratch\nENV v=${"a".repeat(50_000)}\nENV w=\${v##${"*a".repeat(300)}b}\n`,
    says: /more work to read/,
    line: 3,
  },
  {
    name: "a replacement at every place",
    dockerfile: `FROM scratch\nENV v=${"a".repeat(50_000)}\nENV w=\${v//*a*b/x}\n`,
    says: /more work to read/,
    line: 3,
  },
  {
    name: "a variable that doubles",
    dockerfile: `FROM scratch\nENV a=0123456789\n${times(60, () => "ENV a=$a$a")}\n`,
    says: /longer than 1048576 characters/,
  },
  {
    name: "all ports, again and again",
    dockerfile: `FROM scratch\n${times(2_000, () => "EXPOSE 1-65535")}\n`,
    says: /more work/,
  },
  {
    name: "labels, each by itself",
    dockerfile: `FROM scratch\n${times(19_000, (i) => `LABEL l${i}=${i}`)}\n`,
    says: /more work/,
  },
  {
    name: "variables, each by itself",
    dockerfile: `FROM scratch\n${times(19_000, (i) => `ENV e${i}=${i}`)}\n`,
    says: /more work/,
  },
  {
    name: "volumes, each by itself",
    dockerfile: `FROM scratch\n${times(19_000, (i) => `VOLUME /v${i}`)}\n`,
    says: /more work/,
  },
  {
    name: "arguments before every command",
    dockerfile: `FROM scratch\n${times(9_000, (i) => `ARG a${i}=${i}\nRUN true`)}\n`,
    says: /more work/,
  },
  {
    name: "names that nobody has set",
    dockerfile: `FROM scratch\n${continued("COPY", [...Array.from({ length: 60_000 }, (_, i) => `$u${i}`), "/x"])}`,
    says: null,
  },
  {
    name: "triggers of triggers",
    dockerfile: `FROM scratch\n${continued("", Array(60_000).fill("ONBUILD"))}`,
    says: /Chaining ONBUILD/,
  },
  {
    name: "flags by the thousand",
    dockerfile: `FROM scratch\n${continued("RUN", [...Array(20_000).fill("--mount=type=tmpfs,target=/t"), "true"])}`,
    says: null,
  },
  {
    name: "brackets inside each other",
    dockerfile: `FROM scratch\nCMD ${"[".repeat(60_000)}\nRUN ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`,
    says: /comprised of strings only/,
    line: 3,
  },
  {
    name: "a long chain of stages",
    dockerfile: `${times(1_900, (i) => `FROM scratch AS s${i}\n${i > 0 ? `COPY --from=s${i - 1} / /` : "COPY . /"}`)}\n`,
    says: null,
  },
  {
    name: "a long circle of stages",
    dockerfile: `${times(1_900, (i) => `FROM scratch AS s${i}\nCOPY --from=s${(i + 1) % 1_900} / /`)}\n`,
    says: /circular dependency/,
  },
  {
    name: "a long chain of bases",
    dockerfile: `FROM scratch AS s0\n${times(1_900, (i) => `FROM s${i} AS s${i + 1}\nLABEL l${i}=1`)}\n`,
    says: /more work/,
  },
  {
    name: "quotes without end",
    dockerfile: `FROM scratch\n${continued("ENV", Array(30_000).fill(`a='b"`))}`,
    says: null,
  },
  {
    name: "a mebibyte of blanks",
    dockerfile: `FROM scratch\n${continued("RUN", Array(30).fill(" ".repeat(30_000)))}`,
    says: null,
  },
  { name: "line ends only", dockerfile: `${"\n".repeat(4_000_000)}FROM scratch\n`, says: null },
];

test.each(cases)("planBuild() takes little time for $name", async ({ dockerfile, says, line }) => {
  const began = workMs();
  const error = await planOf(dockerfile).then(
    () => null,
    (why: unknown) => why,
  );
  const took = workMs() - began;
  if (says === null) expect(error).toBe(null);
  else {
    expect(error).toBeInstanceOf(DockerfileError);
    expect((error as DockerfileError).message).toMatch(says);
    expect((error as DockerfileError).ranges.length).toBeGreaterThan(0);
    if (line !== undefined) expect((error as DockerfileError).ranges[0]!.start.line).toBe(line);
  }
  expect(took).toBeLessThan(allowedMs);
});

test("a file of five mebibytes is refused", async () => {
  await expect(planOf(`FROM scratch\n#${"x".repeat(100)}\n`.repeat(45_000))).rejects.toThrow(
    "larger than 4194304 bytes",
  );
});

test("IgnoreMatcher takes little time for patterns of many stars", () => {
  const began = workMs();
  const matcher = new IgnoreMatcher(readIgnoreFile(`${"**/*a".repeat(40)}b\n${"*a*".repeat(40)}b\n`));
  const path = `${"a/".repeat(100)}${"a".repeat(200)}`;
  expect(matcher.matches(path)).toBe(false);
  expect(workMs() - began).toBeLessThan(allowedMs);
});
