/**
 * Who may do what with which repositories, one grant a line:
 *
 *     USER  PATTERN  ACTIONS
 *     ada   team/**  pull,push,delete
 *     *     public/* pull              every user
 *     -     public/* pull              everybody, also without a name (docker asks so where there are tokens)
 *
 * A pattern's `*` stands for one part of a name, `**` for any number of them. `create` is a `push` that moves no tag that is there.
 */
import { WatchedFile } from "./watched-file.ts";

/** Everything, for those whom no file limits. */
export const allActions = ["pull", "push", "create", "delete"] as const;
export type Action = (typeof allActions)[number];

interface Grant {
  readonly user: string;
  readonly pattern: RegExp;
  readonly actions: ReadonlySet<Action>;
}

export class Rights {
  readonly #file: WatchedFile<readonly Grant[]>;

  /** Throws for a file that cannot be read; a later fault of it leaves the rights as they were. */
  constructor(path: string, log: (message: string) => void) {
    this.#file = new WatchedFile(path, parseRights, log);
  }

  /** What `user` ("" for nobody by name) may do with a repository. */
  of(user: string, repository: string): ReadonlySet<Action> {
    const allowed = new Set<Action>();
    for (const grant of this.#file.value) {
      const isMeant = grant.user === "-" || (user !== "" && (grant.user === "*" || grant.user === user));
      if (isMeant && grant.pattern.test(repository)) for (const action of grant.actions) allowed.add(action);
    }
    return allowed;
  }
}

export function parseRights(text: string): readonly Grant[] {
  return text.split("\n").flatMap((line, at) => {
    const words = line.replace(/#.*/, "").trim().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const [user = "", pattern = "", actions = ""] = words;
    const named = actions.split(",");
    const isKnown = (name: string): name is Action => (allActions as readonly string[]).includes(name);
    if (words.length !== 3 || !named.every(isKnown)) {
      throw new Error(`line ${at + 1}: expected USER PATTERN ACTIONS, the actions of ${allActions.join(", ")}`);
    }
    return [{ user, pattern: patternOf(pattern), actions: new Set(named) }];
  });
}

function patternOf(text: string): RegExp {
  const parts = text
    .split("/")
    .map((part) => (part === "**" ? ".*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*")));
  // `a/**` is a itself, too.
  return new RegExp(`^${parts.join("/").replaceAll("/.*", "(?:/.*)?").replaceAll(".*/", "(?:.*/)?")}$`);
}
