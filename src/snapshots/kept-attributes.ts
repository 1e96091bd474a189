/**
 * Whether an attribute goes into the archive: those that mean the same elsewhere, or all (`exact`) but overlayfs's own, which would
 * change what a merged tree shows, and those whose names a pax record cannot bear.
 */
export function isKeptAttribute(name: string, exact: boolean): boolean {
  if (/^(user|trusted)\.overlay\./.test(name) || name.includes("=")) return false;
  return exact || name === "security.capability" || name.startsWith("user.");
}
