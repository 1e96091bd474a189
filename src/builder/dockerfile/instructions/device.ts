import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { splitFields } from "../../../lib/flags.ts";
import { parseBool } from "../../../lib/flags-numbers.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import { reading } from "./refusals.ts";

/** One `RUN --device`: a CDI device by name. */
export interface Device {
  readonly name: string;
  /** The build fails without it. */
  readonly isRequired: boolean;
}

/** Reads `vendor.com/class=name,required`; throws `invalidArgument`. */
export function readDevice(text: string): Device {
  let name = "";
  let isRequired = false;
  for (const field of csvFields(text)) {
    const at = field.indexOf("=");
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase();
    const value = at < 0 ? null : field.slice(at + 1);
    if (key === "required") {
      isRequired = value === null || reading(() => parseBool(value), `invalid value for ${key}: ${value}`);
    } else if (key === "name" && value !== null) {
      if (name !== "") throw invalidArgument(`device name already set to ${name}`);
      name = value;
    } else if (name === "") name = field;
    else if (value === null) throw invalidArgument(`invalid field '${field}' must be a key=value pair`);
    else throw invalidArgument(`unexpected key '${key}' in '${field}'${didYouMean(key, ["name", "required"])}`);
  }
  return { name, isRequired };
}

function csvFields(text: string): readonly string[] {
  try {
    return splitFields(text);
  } catch (error) {
    throw invalidArgument(`failed to parse csv devices: ${messageOf(error)}`, { cause: error });
  }
}
