/** Processes run inside a container, on the wire. */
import * as v from "valibot";
import { flag, maybe, text, texts } from "./wire.ts";

/** Rows, columns. */
const ConsoleSize = maybe(v.tuple([v.number(), v.number()]));

/** The body of `POST /containers/{id}/exec`. */
export const ExecConfig = v.object({
  User: text(),
  Privileged: flag(),
  Tty: flag(),
  ConsoleSize,
  AttachStdin: flag(),
  AttachStderr: flag(),
  AttachStdout: flag(),
  DetachKeys: text(),
  Env: texts(),
  WorkingDir: text(),
  Cmd: texts(),
});
export type ExecConfig = v.InferOutput<typeof ExecConfig>;

/** The body of `POST /exec/{id}/start`. */
export const ExecStartConfig = v.object({ Detach: flag(), Tty: flag(), ConsoleSize });
export type ExecStartConfig = v.InferOutput<typeof ExecStartConfig>;

export interface IDResponse {
  Id: string;
}

export interface ProcessConfig {
  tty: boolean;
  entrypoint: string;
  arguments: string[];
  privileged?: boolean;
  user?: string;
}

export interface ExecInspectResponse {
  ID: string;
  Running: boolean;
  /** Null until the process ends. */
  ExitCode: number | null;
  ProcessConfig: ProcessConfig;
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  /** Base64, as Go writes bytes. */
  DetachKeys: string;
  Pid: number;
}
