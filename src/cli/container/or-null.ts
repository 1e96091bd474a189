/** The API writes an empty list of these flags as null. */
export const orNull = (values: string[]): string[] | null => (values.length > 0 ? values : null);
