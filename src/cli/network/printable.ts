/** `text` without characters that would steer a terminal, reorder a line or break a document: each becomes U+FFFD. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFE\uFFFF]/gu, "\uFFFD");
}
