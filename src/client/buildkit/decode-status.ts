/** Messages of the Status stream as plain values. */
import type { StatusResponse } from "../../api/buildkit/control.ts";
import type { Range, SourceInfo } from "../../api/buildkit/ops.ts";
import type { Timestamp } from "../../api/buildkit/types.ts";
import type { Read } from "../../lib/protobuf/message.ts";
import type { BuildStatus, Nanoseconds, SourceFile, SourceRange } from "./status.ts";

const timeOf = (at: Read<typeof Timestamp> | undefined): Nanoseconds | null =>
  at === undefined ? null : BigInt(at.seconds) * 1_000_000_000n + BigInt(at.nanos);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export const rangeOf = ({ start, end }: Read<typeof Range>): SourceRange => ({
  startLine: start?.line ?? 0,
  startCharacter: start?.character ?? 0,
  endLine: end?.line ?? start?.line ?? 0,
  endCharacter: end?.character ?? 0,
});

export const sourceOf = (info: Read<typeof SourceInfo> | undefined): SourceFile | null =>
  info === undefined ? null : { filename: info.filename, data: info.data };

export function statusOf({ vertexes, statuses, logs, warnings }: Read<typeof StatusResponse>): BuildStatus {
  return {
    vertexes: vertexes.map(({ started, completed, progressGroup, ...rest }) => ({
      ...rest,
      started: timeOf(started),
      completed: timeOf(completed),
      group: progressGroup ?? null,
    })),
    statuses: statuses.map(({ timestamp, started, completed, ...rest }) => ({
      ...rest,
      timestamp: timeOf(timestamp),
      started: timeOf(started),
      completed: timeOf(completed),
    })),
    logs: logs.map(({ vertex, stream, timestamp, msg }) => ({
      vertex,
      stream,
      timestamp: timeOf(timestamp),
      data: msg,
    })),
    warnings: warnings.map(({ vertex, level, short, detail, url, info, ranges }) => ({
      vertex,
      level,
      short: text(short),
      detail: detail.map(text),
      url,
      source: sourceOf(info),
      ranges: ranges.map(rangeOf),
    })),
  };
}
