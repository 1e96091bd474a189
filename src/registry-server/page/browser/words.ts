/** Sizes, times, commands and whatever JSON holds, as people read them. */

export type Fields = Readonly<Record<string, unknown>>;

/** JSON that somebody pushed is what it claims to be only after these four. */
export const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const count = (value: unknown): number =>
  typeof value === "number" && value >= 0 && Number.isFinite(value) ? value : 0;

/** Bytes in units of 1000, as Docker's client shows them. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** `sha256:` and the first twelve digits. */
export const shortDigest = (digest: string): string => digest.replace(/^(\w+:)([0-9a-f]{12})[0-9a-f]+$/, "$1$2");

/** A time in the reader's own zone; "" for what is none. */
export function time(value: unknown): string {
  const date = new Date(text(value));
  return Number.isNaN(date.getTime()) || date.getTime() <= 0 ? "" : date.toLocaleString();
}

/** The command of a layer without the shell that ran it. */
export function command(createdBy: string): string {
  const plain = createdBy.replace(/^\|\d+ (?:\S+ )*?(?=\/bin\/sh -c )/, "").replace(/ # buildkit$/, "");
  if (/^\/bin\/sh -c #\(nop\)\s*/.test(plain)) return plain.replace(/^\/bin\/sh -c #\(nop\)\s*/, "");
  return plain.replace(/^(?:RUN )?\/bin\/sh -c /, "RUN ");
}

export function platform(value: unknown): string {
  const { os, architecture, variant, "os.version": version } = fields(value);
  const parts = [os, architecture, variant].map(text).filter((part) => part !== "");
  return parts.join("/") + (text(version) === "" ? "" : ` ${text(version)}`);
}

/** The option that asks for a platform; none for one that a shell might read something else in: people paste this. */
export function platformOption(named: string): string {
  const [first = ""] = named.split(" ");
  return /^\w[\w.-]*(?:\/\w[\w.-]*)+$/.test(first) ? `--platform ${first} ` : "";
}

/** What went wrong, for people. */
export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
