import { invalidArgument } from "../../../lib/errors.ts";
import { type Heredoc, heredocMarkOf, heredocText } from "../syntax/heredoc.ts";
import type { Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";

/** What COPY and ADD have in common; nothing is expanded yet. */
interface Transfer {
  readonly statement: Statement;
  readonly sources: readonly string[];
  /** Files whose text stands in the Dockerfile. */
  readonly inline: readonly InlineFile[];
  readonly destination: string;
  readonly chown: string | null;
  readonly chmod: string | null;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

export interface InlineFile {
  readonly name: string;
  readonly text: string;
  /** Its variables are put in. */
  readonly expands: boolean;
}

/** `COPY [flags] source … destination`. */
export interface Copy extends Transfer {
  readonly kind: "copy";
  /** Stage, image or named context; null is the build's own context. */
  readonly from: string | null;
  readonly parents: boolean;
}

/** `ADD [flags] source … destination`. */
export interface Add extends Transfer {
  readonly kind: "add";
  readonly checksum: string | null;
  readonly keepGitDir: boolean | null;
  /** Null: archives of the context are unpacked, those from elsewhere are not. */
  readonly unpack: boolean | null;
}

export function readCopy(statement: Statement): Copy {
  refuseTooFew("COPY", statement);
  const flags = readFlags(statement, {
    chown: "text",
    chmod: "text",
    from: "text",
    link: "switch",
    exclude: "texts",
    parents: "switch",
  });
  return {
    kind: "copy",
    ...readPaths("COPY", statement),
    ...ownership(flags),
    from: flags.from || null,
    parents: flags.parents ?? false,
  };
}

export function readAdd(statement: Statement): Add {
  refuseTooFew("ADD", statement);
  const flags = readFlags(statement, {
    chown: "text",
    chmod: "text",
    link: "switch",
    "keep-git-dir": "switch",
    checksum: "text",
    exclude: "texts",
    unpack: "switch",
  });
  return {
    kind: "add",
    ...readPaths("ADD", statement),
    ...ownership(flags),
    checksum: flags.checksum || null,
    keepGitDir: flags["keep-git-dir"],
    unpack: flags.unpack,
  };
}

function ownership(flags: {
  chown: string | null;
  chmod: string | null;
  link: boolean | null;
  exclude: readonly string[];
}): Pick<Transfer, "chown" | "chmod" | "link" | "exclude"> {
  return {
    chown: flags.chown || null,
    chmod: flags.chmod || null,
    link: flags.link ?? false,
    exclude: flags.exclude,
  };
}

function refuseTooFew(name: string, { words }: Statement): void {
  if (words.length >= 2) return;
  throw invalidArgument(
    `${name} requires at least two arguments, but only one was provided. Destination could not be determined`,
  );
}

function readPaths(
  name: string,
  statement: Statement,
): Pick<Transfer, "statement" | "sources" | "inline" | "destination"> {
  const words = statement.words.map(({ text }) => text);
  const destination = words.at(-1) ?? "";
  if (!statement.isJson && heredocMarkOf(destination) !== null) {
    throw invalidArgument(`${name} cannot accept a heredoc as a destination`);
  }
  const byName = new Map<string, Heredoc>(statement.heredocs.map((heredoc) => [heredoc.name, heredoc]));
  const sources: string[] = [];
  const inline: InlineFile[] = [];
  for (const word of words.slice(0, -1)) {
    const mark = statement.isJson ? null : heredocMarkOf(word);
    if (mark === null) sources.push(word);
    else {
      const heredoc = byName.get(mark.name);
      const text = heredoc === undefined ? "" : heredocText({ ...heredoc, dropsTabs: mark.dropsTabs });
      inline.push({ name: mark.name, text, expands: mark.expands });
    }
  }
  return { statement, sources, inline, destination };
}
