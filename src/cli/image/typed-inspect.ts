/**
 * An inspected image as templates of the stock client see it. They are executed on its own types, which order the
 * configuration by the OCI image spec and leave out what is empty, while the daemon sends it sorted and with nulls.
 */

const configOrder = [
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
  "ArgsEscaped",
  "Healthcheck",
  "OnBuild",
  "Shell",
];

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === "" ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (isFields(value) && Object.keys(value).length === 0);

/** What is empty can still be asked for, but is not part of the JSON. */
function typedConfig(config: Fields): Fields {
  const names = Object.keys(config).filter((name) => !configOrder.includes(name));
  const typed = {};
  for (const name of [...configOrder, ...names]) {
    if (!Object.hasOwn(config, name)) continue;
    const value = config[name];
    Object.defineProperty(typed, name, { value, enumerable: configOrder.includes(name) && !isEmpty(value) });
  }
  return typed;
}

/** Go writes a fraction of a second without the zeros at its end. */
function shortTime(text: unknown): Fields {
  if (typeof text !== "string") return {};
  return { LastTagTime: text.replace(/\.(\d*?)0*(?=Z|[+-])/, (_, digits) => (digits === "" ? "" : `.${digits}`)) };
}

/** The image in its type's order; anything else as it is. */
export function typedImage(value: unknown): unknown {
  if (!isFields(value) || !isFields(value.RootFS) || !isFields(value.Config)) return value;
  const typed: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === "Architecture") typed.Config = typedConfig(value.Config);
    if (name === "Metadata" && isFields(field)) typed.Metadata = { ...field, ...shortTime(field.LastTagTime) };
    else if (name !== "Config") typed[name] = field;
  }
  typed.Config ??= typedConfig(value.Config);
  return typed;
}
