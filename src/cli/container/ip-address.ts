/** Addresses as users write them, in the canonical form that Go's `net.IP` prints. */

/** The canonical form of an IPv4 or IPv6 address; null for anything else, a zone included. */
export function canonicalAddress(text: string): string | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const isByte = (part: string): boolean => Number(part) <= 255 && (part === "0" || !part.startsWith("0"));
    return text.split(".").every(isByte) ? text : null;
  }
  if (!/^[\da-fA-F:.]+$/.test(text) || !text.includes(":")) return null;
  // A URL's host is held to the same grammar (https://url.spec.whatwg.org/#concept-ipv6-parser) and serialised alike.
  const url = URL.parse(`http://[${text}]/`);
  if (!url) return null;
  const address = url.hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(address);
  if (!mapped) return address;
  const [high = 0, low = 0] = mapped.slice(1).map((word) => Number.parseInt(word, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
