/** Platforms as the API wants them. */

/** `linux/arm64/v8` as the JSON of an OCI platform; undefined for none. */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const [os = "", architecture, variant] = text.split("/");
  return JSON.stringify({ os, ...(architecture && { architecture }), ...(variant && { variant }) });
}

/** The same where the API takes several. */
export function platformQueries(text: string): string[] {
  const platform = platformQuery(text);
  return platform === undefined ? [] : [platform];
}
