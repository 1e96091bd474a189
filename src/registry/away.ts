import { DhowError } from "../lib/errors.ts";

/** The registry, or who it sends us to, did not answer, or with 429 or 5xx: what is asked is not refused and may be had another time. */
export class RegistryAway extends DhowError {
  override readonly name: string = "RegistryAway";
}
