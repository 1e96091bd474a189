declare const DHOW_VERSION: string | undefined;
declare const DHOW_COMMIT: string | undefined;

/** The product's version, set at build time. */
export const version: string = typeof DHOW_VERSION === "undefined" ? "0.0.0-dev" : DHOW_VERSION;

/** The short commit the binary was built from. */
export const commit: string = typeof DHOW_COMMIT === "undefined" ? "unknown" : DHOW_COMMIT;
