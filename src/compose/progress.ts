/** What is told while a plan is carried out. */

export type Phase = "working" | "done" | "failed" | "warning";

/** Told once when work on a thing begins and once when it ends. */
export interface Progress {
  /** `thing` is `Container p-web-1`, `status` one word such as `Creating`. */
  tell(thing: string, status: string, phase: Phase): void;
  /** Something that is odd but stops nothing. */
  warn(message: string): void;
}

export const quietProgress: Progress = { tell: () => {}, warn: () => {} };
