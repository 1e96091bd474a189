/** `--cap-add` and `--cap-drop` as they are sent: each name once, in its full spelling, and none both ways. */
import { orNull } from "./or-null.ts";

function normalized(names: readonly string[]): Set<string> {
  const full = names.map((name) => {
    const upper = name.trim().toUpperCase();
    return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  });
  return new Set(full.includes("ALL") ? ["ALL"] : full);
}

/** What is granted wins over what is taken away. */
export function capabilities(
  add: readonly string[],
  drop: readonly string[],
): { CapAdd: string[] | null; CapDrop: string[] | null } {
  const granted = normalized(add);
  const dropped = [...normalized(drop)].filter((name) => !granted.has(name));
  return { CapAdd: orNull([...granted].sort()), CapDrop: orNull(dropped.sort()) };
}
