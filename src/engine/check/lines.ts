/** The lines of one check: findings are repaired as they come, and wait until somebody reads them. */
import type { CheckLine, CheckProgress } from "../../api/system-check.ts";
import type { CheckReport, Fix, Found } from "../../images/check/report.ts";
import { messageOf } from "../../lib/errors.ts";

/** Progress is told no oftener than this. */
const progressMs = 200;

export class CheckLines implements CheckReport {
  readonly #repair: boolean;
  readonly #lines: CheckLine[] = [];
  #wake = Promise.withResolvers<void>();
  #progressAt = 0;
  found = 0;
  repaired = 0;

  constructor(repair: boolean) {
    this.#repair = repair;
  }

  async finding(found: Found, fix?: Fix): Promise<boolean> {
    let action = found.advice;
    let isRepaired = false;
    if (this.#repair && fix) {
      try {
        action = await fix();
        isRepaired = true;
      } catch (error) {
        action = `not repaired: ${messageOf(error)}`;
      }
    }
    this.found++;
    if (isRepaired) this.repaired++;
    this.add({
      Finding: {
        Kind: found.kind,
        ID: found.id,
        UsedBy: [...(found.usedBy ?? [])],
        Problem: found.problem,
        Details: [...(found.details ?? [])],
        Repaired: isRepaired,
        Action: action,
      },
    });
    return isRepaired;
  }

  progress(progress: CheckProgress): void {
    const now = performance.now();
    if (now - this.#progressAt < progressMs) return;
    this.#progressAt = now;
    this.add({ Progress: progress });
  }

  add(line: CheckLine): void {
    this.#lines.push(line);
    this.#wake.resolve();
  }

  /** All lines until `work` has ended, whose failure is thrown. */
  async *until(work: Promise<void>): AsyncGenerator<CheckLine> {
    let ended = false;
    const end = (): void => {
      ended = true;
      this.#wake.resolve();
    };
    work.then(end, end);
    while (!ended || this.#lines.length > 0) {
      if (this.#lines.length === 0) await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      yield* this.#lines.splice(0);
    }
    await work;
  }
}
