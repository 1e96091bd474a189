import type { LogReader } from "../containers/collaborators.ts";
import { readLog } from "../lib/log-file/reader.ts";

/** Reads the supervisor's logs for containers. */
export function createLogReader(): LogReader {
  return {
    read: (path, query, ended, signal) => readLog(path, { ...query, ended }, signal),
  };
}
