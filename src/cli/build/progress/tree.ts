/** The live picture of a build on a terminal, as lines: pure, so that a test can look at it. */
import type { Nanoseconds } from "../../../client/buildkit/status.ts";
import { statusText } from "./status-text.ts";
import type { Step, Steps } from "./steps.ts";

export interface Screen {
  readonly rows: number;
  readonly columns: number;
  readonly colours: boolean;
  /** False where the terminal knows ASCII only. */
  readonly unicode: boolean;
}

export interface Picture {
  readonly title: string;
  /** When the build began. */
  readonly began: Nanoseconds;
  readonly now: Nanoseconds;
  /** Why it is coming to its end, or has: a word for the head line. */
  readonly state: "running" | "cancelling" | "done" | "failed";
}

/** The most lines of a running step's output that are shown. */
const tailLines = 6;

interface Line {
  readonly text: string;
  /** Stands at the right edge. */
  readonly right?: string;
  readonly colour?: Colour;
}

type Colour = "green" | "red" | "cyan" | "yellow" | "dim" | "bold";
const codes: Readonly<Record<Colour, string>> = {
  green: "32",
  red: "31",
  cyan: "36",
  yellow: "33",
  dim: "2",
  bold: "1",
};

interface Marks {
  readonly done: string;
  readonly failed: string;
  readonly running: string;
  readonly bar: string;
  readonly more: string;
}

const fancy: Marks = { done: "✔", failed: "✖", running: "▸", bar: "│", more: "…" };
const plain: Marks = { done: "+", failed: "x", running: ">", bar: "|", more: "..." };

/** What is shown while the build goes: never more lines than the terminal has rows, none wider than it. */
export function drawLive(steps: Steps, picture: Picture, screen: Screen): string[] {
  const marks = screen.unicode ? fancy : plain;
  const room = Math.max(2, screen.rows - 1);
  const begun = steps.begun;
  const running = begun.filter((step) => step.isRunning);
  const over = begun.filter((step) => !step.isRunning);
  // Each running step first has its own line; what is left is for their output, then for what is done.
  const shownRunning = running.slice(0, Math.max(1, room - 2));
  let left = room - 1 - shownRunning.length - (running.length > shownRunning.length ? 1 : 0);
  const tails = new Map<Step, Line[]>();
  for (const [index, step] of shownRunning.entries()) {
    const share = Math.max(0, Math.floor((left - Math.min(over.length, 2)) / (shownRunning.length - index)));
    const tail = tailOf(step, picture.now, Math.min(tailLines, share), marks);
    tails.set(step, tail);
    left -= tail.length;
  }
  const lines = [
    headLine(steps, picture),
    ...overLines(over, Math.max(0, left), picture.now, marks),
    ...shownRunning.flatMap((step) => [runningLine(step, picture.now, marks), ...(tails.get(step) ?? [])]),
  ];
  if (running.length > shownRunning.length)
    lines.push({ text: ` ${marks.more} ${running.length - shownRunning.length} more running`, colour: "dim" });
  return lines.slice(0, room).map((line) => paint(line, screen));
}

/** What stays on the terminal: every step, however many rows that takes. */
export function drawFinal(steps: Steps, picture: Picture, screen: Screen): string[] {
  const marks = screen.unicode ? fancy : plain;
  const lines = [headLine(steps, picture), ...steps.begun.map((step) => overLine(step, picture.now, marks))];
  return lines.map((line) => paint(line, screen));
}

function headLine(steps: Steps, { title, began, now, state }: Picture): Line {
  const counts = `${steps.doneCount}/${steps.all.length} steps`;
  const seconds = `${(Number(now - began) / 1e9).toFixed(1)}s`;
  const words = {
    running: `Building ${title} ${counts}`,
    cancelling: `Cancelling ${title} ${counts}`,
    done: `Built ${title} ${counts}`,
    failed: `Failed ${title} ${counts}`,
  };
  const colour = ({ running: "bold", cancelling: "yellow", done: "green", failed: "red" } as const)[state];
  return { text: words[state].replace(/ {2,}/g, " "), right: seconds, colour };
}

/** The steps that are over, in as many lines: the last of them by name, those before as one. */
function overLines(over: readonly Step[], room: number, now: Nanoseconds, marks: Marks): Line[] {
  if (room === 0) return [];
  if (over.length <= room) return over.map((step) => overLine(step, now, marks));
  const hidden = over.slice(0, over.length - room + 1);
  const cached = hidden.filter(({ cached }) => cached).length;
  const seconds = hidden.reduce((sum, step) => sum + step.seconds(now), 0);
  const text = ` ${marks.done} ${hidden.length} steps done${cached > 0 ? `, ${cached} of them cached` : ""}`;
  const first: Line = { text, right: `${seconds.toFixed(1)}s`, colour: "dim" };
  return [first, ...over.slice(hidden.length).map((step) => overLine(step, now, marks))];
}

function overLine(step: Step, now: Nanoseconds, marks: Marks): Line {
  const right = `${step.seconds(now).toFixed(1)}s`;
  const name = printable(step.name);
  if (step.isCancelled) return { text: ` ${marks.failed} CANCELED ${name}`, right, colour: "yellow" };
  if (step.error !== "") return { text: ` ${marks.failed} ERROR ${name}`, right, colour: "red" };
  if (step.isRunning) return { text: ` ${marks.running} ${name}`, right, colour: "yellow" };
  if (step.cached) return { text: ` ${marks.done} CACHED ${name}`, right, colour: "green" };
  return { text: ` ${marks.done} ${name}`, right, colour: "green" };
}

const runningLine = (step: Step, now: Nanoseconds, marks: Marks): Line => ({
  text: ` ${marks.running} ${printable(step.name)}`,
  right: `${step.seconds(now).toFixed(1)}s`,
  colour: "cyan",
});

function tailOf(step: Step, now: Nanoseconds, room: number, marks: Marks): Line[] {
  if (room <= 0) return [];
  const going = [...step.statuses.values()].filter(({ completed }) => completed === null);
  const statuses = going.slice(-room).map((status) => `   ${marks.bar} ${printable(statusText(status, now))}`);
  const spare = room - statuses.length;
  const written = [...step.log.map(({ text }) => text), step.unfinishedLine]
    .map(printable)
    .filter((text) => text !== "");
  const output = spare > 0 ? written.slice(-spare).map((text) => `   ${marks.bar} ${text}`) : [];
  return [...statuses, ...output].map((text) => ({ text, colour: "dim" }));
}

/** What a line of a program looks like on a terminal, without its power over it. */
export function printable(text: string): string {
  const last = text.slice(text.replace(/\r+$/, "").lastIndexOf("\r") + 1);
  return (
    last
      // Escape sequences, then what else is no character.
      .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g, "")
      .replace(/\t/g, "    ")
      .replace(/[\0-\x1f\x7f-\x9f]/g, "")
  );
}

/** A line cut to the terminal's width, its right part at the edge, in its colour. */
function paint({ text, right = "", colour }: Line, { columns, colours, unicode }: Screen): string {
  const room = Math.max(4, columns - (right === "" ? 0 : right.length + 1) - 1);
  const cut = fit(text, room, unicode ? fancy.more : plain.more);
  const padding = right === "" ? "" : " ".repeat(Math.max(1, room - Bun.stringWidth(cut) + 1));
  const line = `${cut}${padding}${right}`;
  return colours && colour ? `\x1b[${codes[colour]}m${line}\x1b[0m` : line;
}

function fit(text: string, width: number, more: string): string {
  if (Bun.stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    const wide = Bun.stringWidth(character);
    if (used + wide > width - more.length) break;
    kept += character;
    used += wide;
  }
  return kept + more;
}
