/** What is said once a build is over: the output of the step that failed, and what the builder warns of. */
import type { SourceFile, SourceRange, VertexWarning } from "../../../client/buildkit/status.ts";
import type { Step, Steps } from "./steps.ts";

/** The last output of the step that failed; "" where no step says anything. */
export function failureText(steps: Steps): string {
  const failed = steps.all.find(({ error, isCancelled }) => error !== "" && !isCancelled);
  if (!failed) return "";
  const first = failed.firstStart;
  const lines = failed.log.map(({ text, at }) =>
    at === null || first === null ? text : `${(Number(at - first) / 1e9).toFixed(3)} ${text}`,
  );
  const shown = lines.length > 100 ? [`[${lines.length - 100} lines before these]`, ...lines.slice(-100)] : lines;
  return `------\n > ${failed.name}:\n${shown.map((line) => `${line}\n`).join("")}------\n`;
}

/** A list of what the builder warns of; each with its place and its page where `isFull`. */
export function warningsText(warnings: readonly VertexWarning[], isFull: boolean): string {
  if (warnings.length === 0) return "";
  const count = `${warnings.length} warning${warnings.length === 1 ? "" : "s"} found`;
  if (!isFull) {
    const rows = warnings.map(
      ({ short, ranges }) => ` - ${short}${ranges[0] ? ` (line ${ranges[0].startLine})` : ""}\n`,
    );
    return `\n ${count} (--debug shows more):\n${rows.join("")}`;
  }
  const blocks = warnings.map(({ short, detail, url, source, ranges }) => {
    const place = source ? sourceText(source, ranges) : "";
    const more = [...detail, ...(url === "" ? [] : [`More at ${url}`])].map((line) => `${line}\n`).join("");
    return `\n - ${short}\n${more}${place}`;
  });
  return `\n ${count}:\n${blocks.join("")}`;
}

const linesAround = 4;

/** The lines of a file that something is said of, those before and behind them, and a caret where a place in a line is known. */
export function sourceText({ filename, data }: SourceFile, ranges: readonly SourceRange[]): string {
  const [first] = ranges;
  if (!first) return "";
  const lines = Buffer.from(data).toString().split("\n");
  const marked = (number: number): boolean =>
    ranges.some(({ startLine, endLine }) => number >= startLine && number <= Math.max(startLine, endLine));
  const from = Math.max(1, Math.min(...ranges.map(({ startLine }) => startLine)) - linesAround);
  const to = Math.min(
    lines.length,
    Math.max(...ranges.map(({ startLine, endLine }) => Math.max(startLine, endLine))) + linesAround,
  );
  const shown: string[] = [];
  for (let number = from; number <= to; number++) {
    const isMarked = marked(number);
    shown.push(`${String(number).padStart(4)} | ${isMarked ? ">>>" : "   "} ${lines[number - 1]?.replace(/\r$/, "")}`);
    if (isMarked) shown.push(...caret(ranges, number, lines[number - 1] ?? ""));
  }
  const rule = "-".repeat(20);
  return `${filename}:${first.startLine}\n${rule}\n${shown.map((line) => `${line}\n`).join("")}${rule}\n`;
}

/** A line under a marked one that points at its part, where the range is smaller than the line. */
function caret(ranges: readonly SourceRange[], number: number, line: string): string[] {
  const range = ranges.find(({ startLine }) => startLine === number);
  if (!range || range.endLine > range.startLine || range.endCharacter <= range.startCharacter) return [];
  if (range.startCharacter === 0 && range.endCharacter >= line.length) return [];
  const before = line.slice(0, range.startCharacter).replace(/[^\t]/g, " ");
  return [`     |     ${before}${"^".repeat(range.endCharacter - range.startCharacter)}`];
}

/** The step that failed, for whoever wants to look into it. */
export const failedStep = (steps: Steps): Step | undefined =>
  steps.all.find(({ error, isCancelled }) => error !== "" && !isCancelled);
