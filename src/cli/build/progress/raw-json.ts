/** The status stream as JSON, one message on a line, in the names and forms of BuildKit's client package. */
import type { BuildStatus, Nanoseconds, SourceRange, Vertex, VertexWarning } from "../../../client/buildkit/status.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** RFC 3339 with as many digits of the second as say something. */
export function timestampText(at: Nanoseconds): string {
  const seconds = at / 1_000_000_000n;
  const digits = (at % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}${digits === "" ? "" : `.${digits}`}Z`;
}

const times = (values: Readonly<Record<string, Nanoseconds | null>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, at]): [string, string][] =>
      at === null ? [] : [[name, timestampText(at)]],
    ),
  );

function vertexJson({ digest, inputs, name, started, completed, cached, error, group }: Vertex): unknown {
  return {
    digest,
    ...(inputs.length > 0 && { inputs }),
    ...(name !== "" && { name }),
    ...times({ started, completed }),
    ...(cached && { cached }),
    ...(error !== "" && { error }),
    ...(group && {
      progressGroup: { id: group.id, ...(group.name && { name: group.name }), ...(group.weak && { weak: true }) },
    }),
  };
}

const rangeJson = ({ startLine, startCharacter, endLine, endCharacter }: SourceRange): unknown => ({
  start: { line: startLine, ...(startCharacter > 0 && { character: startCharacter }) },
  end: { line: endLine, ...(endCharacter > 0 && { character: endCharacter }) },
});

function warningJson({ vertex, level, short, detail, url, source, ranges }: VertexWarning): unknown {
  return {
    vertex,
    ...(level !== 0 && { level }),
    ...(short !== "" && { short: base64(Buffer.from(short)) }),
    ...(detail.length > 0 && { detail: detail.map((each) => base64(Buffer.from(each))) }),
    ...(url !== "" && { url }),
    ...(source && { sourceInfo: { filename: source.filename, data: base64(source.data) } }),
    ...(ranges.length > 0 && { range: ranges.map(rangeJson) }),
  };
}

/** One line, with its end; "" for a message that says nothing. */
export function rawJsonLine({ vertexes, statuses, logs, warnings }: BuildStatus): string {
  const value = {
    ...(vertexes.length > 0 && { vertexes: vertexes.map(vertexJson) }),
    ...(statuses.length > 0 && {
      statuses: statuses.map(({ id, vertex, name, total, current, timestamp, started, completed }) => ({
        id,
        vertex,
        ...(name !== "" && { name }),
        ...(total > 0 && { total }),
        current,
        ...times({ timestamp, started, completed }),
      })),
    }),
    ...(logs.length > 0 && {
      logs: logs.map(({ vertex, stream, data, timestamp }) => ({
        vertex,
        ...(stream !== 0 && { stream }),
        data: base64(data),
        ...times({ timestamp }),
      })),
    }),
    ...(warnings.length > 0 && { warnings: warnings.map(warningJson) }),
  };
  if (Object.keys(value).length === 0) return "";
  // Go's encoder writes these three so that the text may stand in HTML.
  return `${JSON.stringify(value).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
}
