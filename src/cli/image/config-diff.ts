/** What differs between the configurations of two images. */

/** One field: `Config.Env`, with what each of the two has. */
export interface ConfigDifference {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Of an inspected image what is neither its name, nor its files, nor a time. */
const topFields = ["Architecture", "Variant", "Os", "OsVersion", "Author", "Comment"];

type Fields = Readonly<Record<string, unknown>>;

/** Compares two inspected images; what is empty counts as absent. */
export function diffConfigs(before: Fields, after: Fields): ConfigDifference[] {
  const [was, is] = [before, after].map((image) => (image.Config ?? {}) as Fields);
  const names = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]);
  const pairs = [
    ...topFields.map((field) => ({ field, before: before[field], after: after[field] })),
    ...[...names].sort().map((name) => ({ field: `Config.${name}`, before: was?.[name], after: is?.[name] })),
  ];
  return pairs
    .map(({ field, before: a, after: b }) => ({ field, before: present(a), after: present(b) }))
    .filter(({ before: a, after: b }) => JSON.stringify(a) !== JSON.stringify(b));
}

function present(value: unknown): unknown {
  const isEmpty =
    value === undefined ||
    value === "" ||
    value === false ||
    (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return isEmpty ? null : ordered(value);
}

/** With its keys in order, so that the same object is the same text. */
function ordered(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Variables, or `KEY=VALUE` of a map, that one of the two has and the other has not. */
export function entryChanges({
  field,
  before,
  after,
}: ConfigDifference): { added: string[]; removed: string[] } | null {
  const [was, is] = [entriesOf(field, before), entriesOf(field, after)];
  if (!was || !is) return null;
  const added = is.filter((entry) => !was.includes(entry));
  const removed = was.filter((entry) => !is.includes(entry));
  return added.length + removed.length > 0 ? { added, removed } : null;
}

function entriesOf(field: string, value: unknown): string[] | null {
  if (value === null) return [];
  if (field === "Config.Env" && Array.isArray(value)) return value.map(String);
  if (typeof value !== "object" || Array.isArray(value)) return null;
  return Object.entries(value).map(([key, one]) => {
    const text = typeof one === "string" ? one : Object.keys(one ?? {}).length === 0 ? "" : JSON.stringify(one);
    return text === "" ? key : `${key}=${text}`;
  });
}
