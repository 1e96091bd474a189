import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";

/** `FROM [--platform=P] base [AS stage]`; neither base nor platform is expanded yet. */
export interface From {
  readonly kind: "from";
  readonly statement: Statement;
  readonly base: string;
  readonly platform: string | null;
  /** In lower case; null when it has no name. */
  readonly stage: string | null;
}

export function readFrom(statement: Statement): From {
  const { words } = statement;
  const [base, as, stage] = words.map(({ text }) => text);
  const isNamed = words.length === 3 && as?.toLowerCase() === "as";
  if (base === undefined || (words.length !== 1 && !isNamed)) {
    throw invalidArgument("FROM requires either one or three arguments");
  }
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage.toLowerCase())) {
    throw invalidArgument(
      `invalid name for build stage: ${printf("%q", [stage])}, name can't start with a number or contain symbols`,
    );
  }
  const { platform } = readFlags(statement, { platform: "text" });
  // An empty --platform is as good as none.
  return { kind: "from", statement, base, platform: platform || null, stage: stage?.toLowerCase() ?? null };
}
