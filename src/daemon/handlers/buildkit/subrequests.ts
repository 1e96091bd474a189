/** What clients ask of a frontend besides building: `--call=outline|targets|check`. */
import { failureDetail } from "../../../api/buildkit/failures.ts";
import type { Inspection } from "../../../builder/builder.ts";
import type { Outline } from "../../../builder/dockerfile/plan/outline.ts";
import type { Range, Source } from "../../../builder/dockerfile/text/source.ts";
import { excerpt } from "../../../builder/dockerfile/text/source.ts";
import { GrpcError, statusCodes } from "../../../lib/grpc/status.ts";
import { sourceInfo } from "./source-info.ts";
import { outlineText, targetsText } from "./subrequest-text.ts";

/** Version of each answer's JSON. */
const versions: Readonly<Record<string, string>> = {
  "frontend.outline": "1.0.0",
  "frontend.targets": "1.0.0",
  "frontend.lint": "1.0.0",
  "frontend.subrequests.describe": "1.0.0",
};

const descriptions: Readonly<Record<string, string>> = {
  "frontend.outline": "List all parameters current build target supports",
  "frontend.targets": "List all targets current build supports",
  "frontend.lint": "Lint source files",
  "frontend.subrequests.describe": "List available subrequest types",
};

export function checkSubrequest(name: string): void {
  if (name in versions) return;
  throw new GrpcError(statusCodes.unimplemented, `unsupported request ${name}`, {
    details: [failureDetail("subrequest", { name })],
  });
}

/** The metadata of the answer; throws what keeps an outline from being made. */
export function answerSubrequest(name: string, inspect: () => Promise<Inspection>): Promise<Map<string, Uint8Array>> {
  const of = async (value: unknown, text: string): Promise<Map<string, Uint8Array>> =>
    new Map([
      ["result.json", Buffer.from(JSON.stringify(value, null, 2))],
      ["result.txt", Buffer.from(text)],
      ["version", Buffer.from(versions[name]!)],
    ]);
  switch (name) {
    case "frontend.outline":
      return inspect().then(({ plan, error, source }) => {
        if (plan === null) throw error;
        return of(outlineJson(plan.outline, source), outlineText(plan.outline));
      });
    case "frontend.targets":
      return inspect().then((inspection) => of(targetsJson(inspection), targetsText(inspection.targets)));
    case "frontend.lint":
      return inspect().then((inspection) => of(lintJson(inspection), lintText(inspection)));
    default: {
      const known = Object.keys(versions).map((one) => ({
        name: one,
        version: versions[one],
        type: "rpc",
        description: descriptions[one],
        metadata: [{ name: "result.json" }, { name: "result.txt" }],
      }));
      return of(known, known.map((one) => `${one.name}\n`).join(""));
    }
  }
}

const locationOf = ({ start, end }: Range): object => ({
  ranges: [{ start: { line: start.line }, end: { line: end.line } }],
});

const base64 = (source: Source): string => Buffer.from(sourceInfo(source).data).toString("base64");

function outlineJson({ name, description, args, secrets, ssh }: Outline, source: Source): object {
  const some = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
  const mounts = (list: Outline["secrets"]): readonly object[] | undefined =>
    some(
      list.map((one) => ({ name: one.name, required: one.isRequired || undefined, location: locationOf(one.range) })),
    );
  return {
    name: name || undefined,
    description: description || undefined,
    args: some(
      args.map((arg) => ({
        name: arg.name,
        description: arg.description || undefined,
        value: arg.value ?? undefined,
        location: locationOf(arg.range),
      })),
    ),
    secrets: mounts(secrets),
    ssh: mounts(ssh),
    sources: [base64(source)],
  };
}

function targetsJson({ targets, source }: Inspection): object {
  return {
    targets: targets.map(({ name, isDefault, description, base, platform, range }) => ({
      name: name || undefined,
      default: isDefault || undefined,
      description: description || undefined,
      base,
      platform: platform ?? undefined,
      location: locationOf(range),
    })),
    sources: [base64(source)],
  };
}

function lintJson({ warnings, error, source }: Inspection): object {
  const { filename, data, language } = sourceInfo(source);
  const [failed] = error?.ranges ?? [];
  const told = warnings.map(({ rule, description, url, message, range }) => ({
    ruleName: rule,
    description,
    url,
    detail: message,
    location: locationOf(range),
  }));
  return {
    // As Go writes a list that has nothing.
    warnings: told.length === 0 ? null : told,
    sources: [{ filename, language, data: Buffer.from(data).toString("base64") }],
    ...(error && { buildError: { message: error.message, location: failed && locationOf(failed) } }),
  };
}

function lintText({ warnings, source }: Inspection): string {
  return warnings
    .map(({ rule, url, description, message, range }) =>
      [
        `WARNING: ${rule}${url === "" ? "" : ` - ${url}`}`,
        description,
        message,
        excerpt(source, [range], null),
        "",
      ].join("\n"),
    )
    .join("\n");
}
