/** The variables in scope while a template runs: `$` is the data it was called with. */
export class Variables {
  readonly #list: { readonly name: string; value: unknown }[];

  constructor(root: unknown) {
    this.#list = [{ name: "$", value: root }];
  }

  /** Where a block begins, for {@link backTo} at its end. */
  mark(): number {
    return this.#list.length;
  }

  /** Forgets what was declared since `mark`. */
  backTo(mark: number): void {
    this.#list.length = mark;
  }

  declare(name: string, value: unknown): void {
    this.#list.push({ name, value });
  }

  /** Sets the innermost variable of that name; the parser has seen to it that there is one. */
  assign(name: string, value: unknown): void {
    const variable = this.#list.findLast((each) => each.name === name);
    if (variable) variable.value = value;
  }

  get(name: string): unknown {
    return this.#list.findLast((each) => each.name === name)?.value;
  }
}
