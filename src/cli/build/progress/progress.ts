/** How a build's progress is shown: chosen by `--progress`, fed by the status stream, ended with what is left to say. */
import { isatty } from "node:tty";
import type { BuildStatus } from "../../../client/buildkit/status.ts";
import { sizeOf } from "../../../lib/terminal.ts";
import { ExitError } from "../../command.ts";
import type { Output } from "../../output.ts";
import { PlainProgress } from "./plain.ts";
import { rawJsonLine } from "./raw-json.ts";
import { Steps } from "./steps.ts";
import { failureText, warningsText } from "./summary.ts";
import { TerminalPicture } from "./terminal.ts";
import type { Picture, Screen } from "./tree.ts";

export const progressModes = ["auto", "none", "plain", "quiet", "rawjson", "tty"] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Something to show a build with. */
export interface Progress {
  readonly steps: Steps;
  update(status: BuildStatus): void;
  /** The user wants it to end; it goes on until the builder has ended. */
  cancelling(): void;
  /** Says what is left to say. Nothing may be told afterwards. */
  finish(succeeded: boolean): Promise<void>;
}

export interface ProgressOptions {
  readonly mode: ProgressMode;
  readonly output: Output;
  /** What is built, for the head line: an image's name, or "". */
  readonly title: string;
  /** The line above plain progress that names the builder. */
  readonly builder: string;
  readonly debug: boolean;
}

/** `auto` is a tree on a terminal and plain lines elsewhere; throws for a word that is no mode. */
export function readProgressMode(text: string, quiet: boolean): ProgressMode {
  const word = text === "" || text === "auto" ? process.env.BUILDKIT_PROGRESS || "auto" : text;
  const mode = progressModes.find((each) => each === word);
  if (!mode)
    throw new ExitError(1, `invalid progress mode ${JSON.stringify(word)}: one of ${progressModes.join(", ")}`);
  if (quiet) {
    if (text !== "auto" && text !== "" && text !== "quiet" && text !== "none")
      throw new ExitError(1, `progress=${text} and quiet cannot be used together`);
    return "quiet";
  }
  return mode;
}

export function openProgress(options: ProgressOptions): Progress {
  const { mode, output } = options;
  if (mode === "quiet" || mode === "none") return quietProgress();
  if (mode === "rawjson") return rawProgress(output);
  if (mode === "tty" && !isatty(2)) throw new ExitError(1, "failed to get console: standard error is no terminal");
  return mode === "tty" || (mode === "auto" && isatty(2)) ? liveProgress(options) : plainProgress(options);
}

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

function quietProgress(): Progress {
  const steps = new Steps();
  return { steps, update: (status) => void steps.apply(status), cancelling: () => {}, finish: async () => {} };
}

function rawProgress(output: Output): Progress {
  const steps = new Steps();
  return {
    steps,
    update(status) {
      steps.apply(status);
      output.text(rawJsonLine(status));
    },
    cancelling: () => {},
    finish: () => output.flush().catch(() => undefined),
  };
}

/** How often plain lines are written, and the picture is drawn, in milliseconds. */
const everyMs = 100;

function plainProgress({ output, builder, debug }: ProgressOptions): Progress {
  const steps = new Steps();
  output.text(builder === "" ? "" : `#0 building with ${JSON.stringify(builder)} instance using docker driver\n`);
  const plain = new PlainProgress((text) => output.text(text));
  const timer = setInterval(() => {
    plain.turn(now());
    void output.flush().catch(() => undefined);
  }, everyMs);
  return {
    steps,
    update: (status) => plain.add(steps.apply(status), now()),
    cancelling: () => output.text("\n#0 cancelling\n"),
    async finish(succeeded) {
      clearInterval(timer);
      plain.turn(now(), true);
      output.text(`${succeeded ? "" : failureText(steps)}${warningsText(steps.warnings, debug)}`);
      await output.flush().catch(() => undefined);
    },
  };
}

function liveProgress({ output, title, debug }: ProgressOptions): Progress {
  const steps = new Steps();
  const began = now();
  let state: Picture["state"] = "running";
  const terminal = new TerminalPicture(output, screen);
  const picture = (): Picture => ({ title, began, now: now(), state });
  const draw = (): void => terminal.draw(steps, picture());
  const timer = setInterval(draw, everyMs);
  process.on("SIGWINCH", draw);
  return {
    steps,
    update: (status) => void steps.apply(status),
    cancelling() {
      state = "cancelling";
      draw();
    },
    async finish(succeeded) {
      clearInterval(timer);
      process.off("SIGWINCH", draw);
      for (const step of steps.all) step.lastWords();
      state = succeeded ? "done" : "failed";
      terminal.finish(steps, picture());
      output.text(`${succeeded ? "" : failureText(steps)}${warningsText(steps.warnings, debug)}`);
      await output.flush().catch(() => undefined);
    },
  };
}

/** Standard error as a screen. */
function screen(): Screen {
  const { LC_ALL, LC_CTYPE, LANG, NO_COLOR, TERM } = process.env;
  return {
    ...(sizeOf(2) ?? { rows: 24, columns: 80 }),
    colours: !NO_COLOR && TERM !== "dumb",
    unicode: /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || ""),
  };
}
