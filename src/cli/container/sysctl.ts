/** `--sysctl`: only what belongs to a namespace of the container's own. */
const ofTheIpcNamespace: ReadonlySet<string> = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Returns `text` when it is `name=value` of a setting that a container may have; throws else. */
export function checkSysctl(text: string): string {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(at, 0));
  const isAllowed = ofTheIpcNamespace.has(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
  if (!isAllowed) throw new Error(`sysctl '${text}' is not allowed`);
  return text;
}
