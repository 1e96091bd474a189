// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the dollars belong to Dockerfiles
/**
 * Files of chance, from pieces that Dockerfiles are made of: whatever they say, a plan or DockerfileError comes of them, with
 * places that are in the file. The seed is fixed; DHOW_SEED tries another one.
 */
import { expect, test } from "bun:test";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { readIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import { checkBuild } from "./plan/build.ts";
import { planOptions } from "./plan/fakes.ts";
import { inputsOf, keyText } from "./plan/key.ts";
import { parseFile } from "./syntax/parse.ts";
import { instructionNames } from "./syntax/statement.ts";
import { DockerfileError, describeError } from "./text/dockerfile-error.ts";

const rounds = 6_000;

/** Numbers below `below`, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const pieces = [
  ..." \t\n\n\n\\`$\"'{}[]<>=,:;#/.-*?!@|&()",
  " ",
  " ",
  "\\\n",
  "\r\n",
  "\ufeff",
  "\u0085",
  "é",
  "日本",
  "\u{1f600}",
  "\x1b",
  "# escape=`\n",
  "# check=skip=all;error=true\n",
  "# syntax=docker/dockerfile:1\n",
  "FROM scratch\n",
  "FROM scratch AS a\n",
  "FROM a AS b\n",
  "FROM dbase\n",
  "COPY --from=",
  "RUN --mount=type=",
  "bind,",
  "cache,",
  "secret,",
  "target=/x,",
  "--chown=",
  "--exclude=*.md ",
  "--link ",
  "--parents ",
  "--platform=$",
  "<<EOF ",
  "<<-'EOF' ",
  "EOF\n",
  "\nEOF\n",
  "$A",
  "${A",
  "${A:-",
  "${A##*/}",
  "${A//x/y}",
  "}",
  '["a", "b"]',
  "[1]",
  "a=b",
  "a b",
  "80/tcp",
  "1-9:1-9/UDP",
  "https://u:p@h/r.git#m:d",
  "git@h:r",
  "sha256:00",
  "ONBUILD ",
  "CMD ",
  "NONE",
  "0",
  "1",
  ...instructionNames.flatMap((name) => [`${name} `, `\n${name} `]),
];

function randomFile(random: (below: number) => number): string {
  const start = random(4) === 0 ? "" : "FROM scratch AS a\nARG A=x\n";
  return start + Array.from({ length: random(60) }, () => pieces[random(pieces.length)]).join("");
}

/** A valid file, some of whose bytes are others. */
function damaged(text: string, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(text);
  for (let i = random(4); i > 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(256);
  return bytes;
}

async function tryBytes(bytes: Buffer): Promise<"planned" | "refused"> {
  const source = { name: "Dockerfile", lines: new TextDecoder().decode(bytes).split("\n") };
  const refused = (error: DockerfileError): "refused" => {
    expect(error.message).not.toBe("");
    for (const { start, end } of [...error.ranges, ...(error.caret ? [error.caret] : [])]) {
      expect(start.line).toBeGreaterThan(0);
      expect(end.line).toBeGreaterThanOrEqual(start.line);
      expect(end.line).toBeLessThanOrEqual(source.lines.length);
    }
    expect(describeError(error, source)).toContain(error.message);
    return "refused";
  };
  try {
    const { error, plan } = await checkBuild(parseFile(bytes, "Dockerfile"), planOptions({ allStages: true }));
    if (error) return refused(error);
    for (const { work } of plan!.stages.flatMap(({ steps }) => steps)) {
      if (work === null) continue;
      expect(JSON.parse(keyText(work))).toBeInstanceOf(Object);
      expect(inputsOf(work).length).toBeLessThan(1_000);
    }
    return "planned";
  } catch (error) {
    if (error instanceof DockerfileError) return refused(error);
    throw new Error(`not DockerfileError, for ${JSON.stringify(bytes.toString())}`, { cause: error });
  }
}

const seed = Number(process.env.DHOW_SEED ?? 20_261_127);

test("files of chance are planned or refused, and nothing else happens", async () => {
  const random = randomFrom(seed);
  const counts = { planned: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const file = randomFile(random);
    counts[await tryBytes(round % 3 === 0 ? damaged(file, random) : Buffer.from(file))]++;
  }
  // Both happen, or the pieces say nothing.
  expect(counts.planned).toBeGreaterThan(rounds / 100);
  expect(counts.refused).toBeGreaterThan(rounds / 10);
});

test("ignore files of chance match or are refused", () => {
  const random = randomFrom(seed);
  const parts = ["*", "**", "/", "a", "b", "?", "[a-c]", "[^a]", "!", "\\", ".", "..", " ", "#", "\n", "["];
  for (let round = 0; round < rounds; round++) {
    const text = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join("");
    const path = Array.from({ length: 1 + random(4) }, () => ["a", "b", "ab", "c.d"][random(4)]).join("/");
    try {
      const matcher = new IgnoreMatcher(readIgnoreFile(text));
      // What is kept below a directory that is left out, is known to be possible there.
      const above = path.split("/").slice(0, -1).join("/");
      if (above !== "" && matcher.matches(above) && !matcher.matches(path)) {
        expect({ text, path, may: matcher.mayKeepBelow(above) }).toEqual({ text, path, may: true });
      }
    } catch (error) {
      if (!/syntax error in pattern|illegal exclusion/.test(String(error))) throw error;
    }
  }
});
