/** Values of a Compose file in the API's units. */

/** Whole seconds of nanoseconds, rounded up; undefined when absent. */
export function secondsOf(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : Math.ceil(nanoseconds / 1e9);
}

/** `NAME=value` for each entry, `NAME` alone where the value is unset. */
export function environmentOf(environment: Readonly<Record<string, string | null>> = {}): string[] {
  return Object.entries(environment)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === null ? name : `${name}=${value}`));
}
