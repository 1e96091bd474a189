/** Milliseconds of processor that this process has had: what other programs on the machine do does not stretch it, a slow machine does. */
export function workMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
