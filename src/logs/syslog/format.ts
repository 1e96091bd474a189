/** Messages as syslog servers read them: RFC 3164, RFC 5424, and the form that local syslogs expect. */
import { formatNanoseconds } from "../../lib/log-file/time.ts";
import type { LogMessage } from "../driver.ts";

export const syslogFormats = ["", "rfc3164", "rfc5424", "rfc5424micro"] as const;
export type SyslogFormat = (typeof syslogFormats)[number];

export interface Sender {
  /** Already shifted. */
  readonly facility: number;
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
}

const severities = { stdout: 6, stderr: 3 } as const;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function formatSyslog(format: SyslogFormat, sender: Sender, message: LogMessage): string {
  const { facility, hostname, tag, pid } = sender;
  const priority = `<${facility | severities[message.stream]}>`;
  const { line } = message;
  if (format === "") return `${priority}${stamp(message.at)} ${tag}[${pid}]: ${line}\n`;
  if (format === "rfc3164") return `${priority}${stamp(message.at)} ${hostname} ${tag}[${pid}]: ${line}\n`;
  const time = format === "rfc5424" ? utc(message.at, 0) : utc(message.at, 6);
  const application = tag.slice(0, longestAppName);
  return `${priority}1 ${time} ${hostname} ${application} ${pid} ${tag} - ${line}\n`;
}

/** RFC 5424, 6.2.5. */
const longestAppName = 48;

/** Go's time.Stamp, local: `Jan _2 15:04:05`. */
function stamp(at: bigint): string {
  const date = new Date(Number(at / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = String(date.getDate()).padStart(2, " ");
  return `${months[date.getMonth()]} ${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function utc(at: bigint, decimals: 0 | 6): string {
  const [whole = "", fraction = ""] = formatNanoseconds(at).replace("Z", "").split(".");
  return decimals === 0 ? `${whole}Z` : `${whole}.${fraction.padEnd(9, "0").slice(0, 6)}Z`;
}
