/** A warning as Docker's Compose logs it. */
export function warningLine(message: string): string {
  const time = new Date().toISOString().replace(/\.\d+/, "");
  return `time=${JSON.stringify(time)} level=warning msg=${JSON.stringify(message)}\n`;
}
