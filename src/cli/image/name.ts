/** Names of images as parts of a path, and platforms as the API wants them. */

/** A name escaped for a path: its slashes, colons and at-signs stay. */
export function imagePath(name: string): string {
  return encodeURIComponent(name).replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%40/g, "@");
}

/** `linux/arm64/v8` as the JSON of an OCI platform; undefined for none. */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const [os = "", architecture, variant] = text.split("/");
  return JSON.stringify({ os, ...(architecture && { architecture }), ...(variant && { variant }) });
}
