/** Values as Go's fmt prints them with %v, and as its encoder writes JSON. */
import { stringifyJson } from "../json.ts";

/** What a missing key of a map prints. */
export const noValue: unique symbol = Symbol("no value");

/** Fields of the Engine API whose values are maps: the keys are the user's words, and may look like a struct's. */
const mapFields = new Set(
  `Annotations Attributes AuxAddress AuxiliaryAddresses Containers Data DriverOpts Endpoints ExposedPorts IndexConfigs Labels
  Networks Options PortBindings Ports Runtimes Services Status StorageOpt Sysctls TLSMaterial Tmpfs Volumes`.split(
    /\s+/,
  ),
);

const maps = new WeakSet<object>();

/** To be told of each value with the field it is read from: only the name tells a map from a struct. */
export function noteField(name: string, value: unknown): void {
  if (mapFields.has(name) && typeof value === "object" && value !== null) maps.add(value);
}

/** True for what was read from a field that is a map. */
export function isMap(value: object): boolean {
  return maps.has(value);
}

/** True for an object that is a Go struct on the daemon's side: every key an exported name. */
function isStruct(value: object): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && !isMap(value) && keys.every((key) => /^[A-Z][A-Za-z0-9]*$/.test(key));
}

/** A value as text; `nested` inside a slice, map or struct. */
export function printValue(value: unknown, nested = false): string {
  if (value === noValue) return "<no value>";
  if (value === null || value === undefined) return nested ? "<nil>" : "<no value>";
  if (typeof value === "number") return printNumber(value);
  if (Array.isArray(value)) return `[${value.map((each) => printValue(each, true)).join(" ")}]`;
  if (typeof value === "object") return isStruct(value) ? printStruct(value) : printMap(value);
  return String(value);
}

function printStruct(value: object): string {
  const fields = Object.entries(value).map(([name, each]) => {
    noteField(name, each);
    return printValue(each, true);
  });
  return `{${fields.join(" ")}}`;
}

function printMap(value: object): string {
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // Sets, such as ExposedPorts, are maps of empty structs on the daemon's side.
  const isEmpty = (each: unknown): boolean =>
    typeof each === "object" && each !== null && !Array.isArray(each) && Object.keys(each).length === 0;
  const shown = entries.map(([key, each]) => `${key}:${isMap(value) && isEmpty(each) ? "{}" : printValue(each, true)}`);
  return `map[${shown.join(" ")}]`;
}

function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  return (value < 0 ? "-" : "") + formatGeneral(Math.abs(value), null);
}

/** Go's %g of a number that is not negative: with an exponent below -4 and from the precision on. */
export function formatGeneral(value: number, precision: number | null): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : "+Inf";
  const scientific =
    precision === null ? value.toExponential() : value.toExponential(Math.min(100, Math.max(1, precision) - 1));
  const [mantissa = "", power = "0"] = scientific.split("e");
  const exponent = Number(power);
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  // The shortest form decides as a precision of 6 would.
  const limit = precision === null ? 6 : Math.max(1, precision);
  if (exponent < -4 || exponent >= limit) {
    const sign = exponent < 0 ? "-" : "+";
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${digits[0] ?? "0"}${fraction}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return digits.length > exponent + 1 ? `${whole}.${digits.slice(exponent + 1)}` : whole;
}

/** JSON on one line, `<`, `>` and `&` left as they are. */
export function printJson(value: unknown): string {
  return value === undefined || value === noValue ? "null" : stringifyJson(value);
}
