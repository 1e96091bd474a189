/** `--call`: what a frontend says of a Dockerfile, as text or as the JSON it came in. */
import { sourceText } from "./progress/summary.ts";

export type CallName = "build" | "check" | "outline" | "targets";

/** `check`, or `lint,format=json`. */
export interface Call {
  readonly name: string;
  readonly isJson: boolean;
}

export function readCall(text: string, check: boolean): Call {
  const [word = "", ...options] = (check ? "check" : text || "build").split(",");
  const names: Readonly<Record<string, string>> = { check: "lint", subrequest: "subrequests.describe" };
  return { name: names[word] ?? word, isJson: options.includes("format=json") };
}

interface LintResult {
  /** Null where there are none. */
  readonly warnings?: readonly LintWarning[] | null;
  readonly sources?: readonly { readonly filename?: string; readonly data?: string }[];
  readonly buildError?: {
    readonly message?: string;
    readonly location?: { readonly sourceIndex?: number; readonly ranges?: readonly JsonRange[] };
  };
}

interface LintWarning {
  readonly ruleName: string;
  readonly description: string;
  readonly url?: string;
  readonly detail: string;
  readonly location?: { readonly sourceIndex?: number; readonly ranges?: readonly JsonRange[] };
}

interface JsonRange {
  readonly start?: { readonly line?: number; readonly character?: number };
  readonly end?: { readonly line?: number; readonly character?: number };
}

type Answer = ReadonlyMap<string, Uint8Array>;

const textOf = (answer: Answer, name: string): string => Buffer.from(answer.get(name) ?? new Uint8Array()).toString();

/** What is printed, and the exit code: 1 where a check finds something. */
export function callText({ name, isJson }: Call, answer: Answer): { readonly text: string; readonly code: number } {
  const json = textOf(answer, "result.json");
  const lint = name === "lint" && json !== "" ? (JSON.parse(json) as LintResult) : null;
  const code = lint && ((lint.warnings ?? []).length > 0 || lint.buildError) ? 1 : 0;
  if (isJson) return { text: `${JSON.stringify(JSON.parse(json || "{}"), null, 2)}\n`, code };
  if (lint) return { text: lintText(lint), code };
  const text = textOf(answer, "result.txt") || json;
  return { text: text.endsWith("\n") || text === "" ? text : `${text}\n`, code };
}

function lintText(result: LintResult): string {
  const { buildError } = result;
  const warnings = result.warnings ?? [];
  const head =
    warnings.length === 0
      ? "Check complete, no warnings found.\n"
      : `Check complete, ${warnings.length} warning${warnings.length === 1 ? " has" : "s have"} been found!\n`;
  const blocks = warnings.map(
    ({ ruleName, url, detail, location }) =>
      `\nWARNING: ${ruleName}${url ? ` - ${url}` : ""}\n${detail}\n${placeText(result, location)}`,
  );
  const failure = buildError ? `\nERROR: ${buildError.message}\n${placeText(result, buildError.location)}` : "";
  return `${head}${blocks.join("")}${failure}`;
}

function placeText(
  { sources = [] }: LintResult,
  location: { sourceIndex?: number; ranges?: readonly JsonRange[] } | undefined,
): string {
  const source = sources[location?.sourceIndex ?? 0];
  if (!source) return "";
  // A check may answer with the bytes alone.
  const { filename = "Dockerfile", data = "" } = typeof source === "string" ? { data: source } : source;
  const ranges = (location?.ranges ?? []).map(({ start, end }) => ({
    startLine: start?.line ?? 1,
    startCharacter: start?.character ?? 0,
    endLine: end?.line ?? start?.line ?? 1,
    endCharacter: end?.character ?? 0,
  }));
  return sourceText({ filename, data: Buffer.from(data, "base64") }, ranges);
}
