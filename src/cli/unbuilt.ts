/** Commands that Docker has and this client has not (yet), so that they are refused by name instead of as unknown. */

const unbuilt: ReadonlySet<string> = new Set(
  `checkpoint config deploy node plugin secret service stack swarm trust`.split(" "),
);

/** In groups that are there. */
const unbuiltVerbs: ReadonlySet<string> = new Set([
  "volume update",
  "compose alpha",
  "compose bridge",
  ...["create", "dial-stdio", "history", "rm", "stop", "use"].map((verb) => `buildx ${verb}`),
]);

/** The command among `words` that is not supported yet, with its subcommand; null for what Docker does not know either. */
export function unbuiltCommand(words: readonly string[]): string | null {
  const [first = "", second = ""] = words;
  if (unbuiltVerbs.has(`${first} ${second}`)) return `${first} ${second}`;
  if (!unbuilt.has(first)) return null;
  return second === "" || second.startsWith("-") ? first : `${first} ${second}`;
}
