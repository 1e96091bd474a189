import type { ContextTls } from "./context-store.ts";

/** A certificate and its key must belong together, and the authority's must be one; throws in Docker's words. */
export async function checkTls({ ca, cert, key }: ContextTls): Promise<void> {
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  const refuse = (why: string): Error => new Error(`failed to retrieve context tls info: ${why}`);
  const read = <T>(make: () => T, why: string): T => {
    try {
      return make();
    } catch {
      throw refuse(why);
    }
  };
  if (ca !== undefined) read(() => new X509Certificate(ca), "ca.pem seems invalid");
  if (!cert || !key) return;
  const certificate = read(() => new X509Certificate(cert), "tls: failed to find any PEM data in certificate input");
  const privateKey = read(() => createPrivateKey(key), "tls: failed to find any PEM data in key input");
  if (!certificate.checkPrivateKey(privateKey)) throw refuse("tls: private key does not match public key");
}
