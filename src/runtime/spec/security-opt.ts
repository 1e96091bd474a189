import { invalidArgument } from "../../lib/errors.ts";

/** `--security-opt` as one value; null where nothing is said. */
export interface SecurityOptions {
  /** A profile's text, `unconfined`, `builtin`, or null. */
  readonly seccomp: string | null;
  readonly apparmor: string | null;
  readonly noNewPrivileges: boolean | null;
  readonly writableCgroups: boolean | null;
  /** SELinux labels, `key:value`. */
  readonly labels: readonly string[];
}

/** Reads the options of HostConfig.SecurityOpt; `key:value` is the old spelling of `key=value`. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let seccomp: string | null = null;
  let apparmor: string | null = null;
  let noNewPrivileges: boolean | null = null;
  let writableCgroups: boolean | null = null;
  const labels: string[] = [];
  for (const option of options) {
    if (option === "no-new-privileges") {
      noNewPrivileges = true;
      continue;
    }
    if (option === "disable") {
      labels.push(option);
      continue;
    }
    const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
    if (at === -1) throw invalidArgument(`invalid --security-opt 1: "${option}"`);
    const [key, value] = [option.slice(0, at), option.slice(at + 1)];
    if (key === "label") labels.push(value);
    else if (key === "apparmor") apparmor = value;
    else if (key === "seccomp") seccomp = value;
    else if (key === "no-new-privileges") noNewPrivileges = boolean(option, value);
    else if (key === "writable-cgroups") writableCgroups = boolean(option, value);
    else throw invalidArgument(`invalid --security-opt 2: "${option}"`);
  }
  return { seccomp, apparmor, noNewPrivileges, writableCgroups, labels };
}

export function hasNoNewPrivileges(options: readonly string[], otherwise: boolean): boolean {
  return parseSecurityOptions(options).noNewPrivileges ?? otherwise;
}

export function hasWritableCgroups(options: readonly string[]): boolean {
  return parseSecurityOptions(options).writableCgroups === true;
}

function boolean(option: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw invalidArgument(`invalid --security-opt 2: "${option}"`);
}
