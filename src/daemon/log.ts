/** The daemon's own log: one line per entry on stderr, in logfmt (as dockerd's) or JSON. */

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Values beside the message. Never hand over credentials, registry auth or environment. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface DaemonLogger extends Logger {
  /** Entries below `level` are dropped from now on. */
  setLevel(level: LogLevel): void;
}

/** A logger that gives whole lines to `write`. */
export function createLogger(
  options: { level: LogLevel; format: "text" | "json" },
  write: (line: string) => void = (line) => process.stderr.write(line),
): DaemonLogger {
  let threshold = logLevels.indexOf(options.level);
  const format = options.format === "json" ? formatJson : formatText;
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(level) >= threshold) write(format(level, message, fields));
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => {
      threshold = logLevels.indexOf(level);
    },
  };
}

function formatJson(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ level, msg: message, time: new Date().toISOString(), ...fields })}\n`;
}

function formatText(level: LogLevel, message: string, fields: LogFields): string {
  let line = `time=${quote(new Date().toISOString())} level=${level === "warn" ? "warning" : level} msg=${quote(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${name}=${quote(String(value))}`;
  }
  return `${line}\n`;
}

function quote(text: string): string {
  return /^[\w.\-+/@^]+$/.test(text) ? text : JSON.stringify(text);
}
