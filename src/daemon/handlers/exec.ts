import type { ExecConfig, ExecInspectResponse } from "../../api/exec.ts";
import type { Operation } from "../../lib/operation.ts";
import type { StdioSession } from "../stdio-session.ts";

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
