/** What looks like a secret in a text. Values that are variables (`$TOKEN`) are none. */

export interface Finding {
  readonly kind: string;
  /** The line, from 1. */
  readonly at: number;
  /** The beginning of it; the rest is not shown. */
  readonly value: string;
}

/** Each pattern matches in time linear in the line; the group `secret`, else the whole, is what is shown. */
const kinds: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["Private Key", /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/],
  ["AWS Client ID", /\b(?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b/],
  ["AWS Secret Key", /aws.{0,30}["'`:=\s](?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/i],
  ["Github authentication", /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b/],
  ["GitLab token", /\bglpat-[A-Za-z0-9_-]{20,100}\b/],
  ["Slack token", /\bxox[abprs]-[A-Za-z0-9-]{10,200}\b/],
  ["JSON Web Token", /\beyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}/],
  ["URL with password", /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@"'$]{1,200}:(?<secret>[^\s:/@"'$]{1,200})@/i],
  [
    "Password",
    /\b[\w.-]{0,60}(?:password|passwd|secret[_-]?key|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?key)["']?\s{0,5}[:=]\s{0,5}["']?(?<secret>[^\s"'$#,{}[\]|>&*!][^\s"'$,{}[\]]{3,200})/i,
  ],
];

const longestLine = 10_000;

/** In the order of the lines, one of each kind a line. */
export function findSecrets(text: string): Finding[] {
  return text.split("\n").flatMap((whole, i) => {
    const line = whole.slice(0, longestLine);
    return kinds.flatMap(([kind, pattern]): Finding[] => {
      const match = pattern.exec(line);
      const value = match?.groups?.secret ?? match?.[0];
      return value === undefined || isPath(kind, value) ? [] : [{ kind, at: i + 1, value: shown(value) }];
    });
  });
}

/** `POSTGRES_PASSWORD_FILE: /run/secrets/x` names where it lies. */
const isPath = (kind: string, value: string): boolean => kind === "Password" && /^\.{0,2}\//.test(value);

const shown = (value: string): string => (value.length <= 8 ? "****" : `${value.slice(0, 4)}****`);
