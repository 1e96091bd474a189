/** Elements made of data. Text is only ever a text node, so nothing that was pushed can become markup. */

export type Child = Node | string | null;

interface Attributes {
  class?: string;
  title?: string;
  /** Of this page alone: what {@link linkTo} makes. */
  href?: string;
  type?: "button" | "submit" | "search" | "text" | "password";
  name?: string;
  placeholder?: string;
  autocomplete?: "username" | "current-password" | "off";
  "aria-label"?: string;
  "aria-current"?: "page" | "true";
  colspan?: string;
}

interface Events {
  click?: (event: MouseEvent) => void;
  input?: () => void;
  submit?: (event: SubmitEvent) => void;
}

/** An element with attributes, listeners and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes & { on?: Events } = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { on = {}, ...plain } = attributes;
  for (const [name, value] of Object.entries(plain)) element.setAttribute(name, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener as EventListener);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** A table; titles with the class of their column. */
export function table(titles: readonly (readonly [title: string, column: string])[], rows: HTMLElement): HTMLElement {
  const head = titles.map(([title, column]) => make("th", column ? { class: column } : {}, title));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), rows);
}

/** What somebody else has written: kept apart from the text around it, whichever way it runs. */
export const foreign = (text: string, classes = ""): HTMLElement =>
  make("bdi", classes ? { class: classes } : {}, text);

/** The address of a place of this page: a repository, with a tag or digest. */
export const linkTo = (name: string, suffix = ""): string => `#/${name}${suffix}`;

/** Asks for more once the button comes into sight, or is pressed. */
export function moreButton(load: () => Promise<void>): HTMLButtonElement {
  const button = make("button", { type: "button", class: "more", on: { click: () => void run() } }, "Show more");
  const observer = new IntersectionObserver((entries) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) void run();
  });
  async function run(): Promise<void> {
    if (button.disabled) return;
    button.disabled = true;
    observer.disconnect();
    await load();
  }
  observer.observe(button);
  return button;
}

/** A line to copy, with its button. */
export function copyLine(text: string): HTMLElement {
  const code = make("code", { class: "line" }, text);
  const button = make("button", { type: "button", on: { click: () => void copy() } }, "Copy");
  async function copy(): Promise<void> {
    button.textContent = (await toClipboard(text, code)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1500);
  }
  return make("div", { class: "copy" }, code, button);
}

/** Browsers lend the clipboard to pages of HTTPS and of this host only; elsewhere the text is selected. */
async function toClipboard(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return document.execCommand("copy");
  }
}
