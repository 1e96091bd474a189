import type { ExecConfig, ExecInspectResponse } from "../../api/exec.ts";
import { execIdHeader } from "../../api/session.ts";
import { readDetachKeys } from "../../lib/detach-keys.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import type { StdioSession } from "../stdio-session.ts";
import { ignore } from "./ignore.ts";
import { terminalSize } from "./terminal-size.ts";

/** What the exec routes need. `id` is the exec's own id. */
export interface ExecBackend {
  create(container: string, config: ExecConfig, op: Operation): Promise<{ Id: string }>;
  /** Starts the process; a session unless `detach`, attached before the process runs. */
  start(
    id: string,
    query: { detach: boolean; tty: boolean; consoleSize: readonly [rows: number, columns: number] | undefined },
    op: Operation,
  ): Promise<StdioSession | null>;
  resize(id: string, size: { height: number; width: number }, op: Operation): Promise<void>;
  inspect(id: string, op: Operation): Promise<ExecInspectResponse>;
}

/** Handlers of the exec routes. */
export function execHandlers(exec: ExecBackend) {
  return {
    execCreate: async ({ params, body, op }) => exec.create(params.id, checked(body), op),
    execRun: async ({ params, body, setHeader, op }) => {
      const { Id } = await exec.create(params.id, checked(body), op);
      setHeader(execIdHeader, Id);
      return exec.start(Id, { detach: false, tty: body.Tty, consoleSize: body.ConsoleSize }, op);
    },
    execStart: async ({ params, body, leaveHttp, op }) => {
      const { ProcessConfig } = await exec.inspect(params.id, op);
      if (!body.Detach) leaveHttp(ProcessConfig.tty);
      return exec.start(params.id, { detach: body.Detach, tty: body.Tty, consoleSize: body.ConsoleSize }, op);
    },
    execResize: async ({ params, query, op }) => ignore(exec.resize(params.id, terminalSize(query), op)),
    execInspect: async ({ params, op }) => exec.inspect(params.id, op),
  } satisfies Partial<Handlers>;
}

function checked(config: ExecConfig): ExecConfig {
  if (config.Cmd === null || config.Cmd.length === 0) throw invalidArgument("No exec command specified");
  readDetachKeys(config.DetachKeys);
  return config;
}
