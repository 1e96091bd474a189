/** Device numbers. */

/** `dev_t` as glibc's makedev(3) packs it. */
export function makeDevice(major: number, minor: number): bigint {
  const hi = BigInt(major >>> 0);
  const lo = BigInt(minor >>> 0);
  return ((hi & 0xfffff000n) << 32n) | ((hi & 0xfffn) << 8n) | ((lo & 0xffffff00n) << 12n) | (lo & 0xffn);
}
