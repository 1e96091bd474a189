/** The list of repositories at the side. */
import * as api from "./api.ts";
import { linkTo, make, moreButton } from "./dom.ts";

let links: HTMLAnchorElement[] = [];
let current = "";

/** Lists what may be pulled, a page at a time. */
export async function showRepositories(into: HTMLElement): Promise<void> {
  links = [];
  const names = make("ul");
  const filter = make("input", {
    type: "search",
    placeholder: "Find a repository",
    "aria-label": "Find a repository",
    on: { input: apply },
  });
  function apply(): void {
    for (const link of links) link.parentElement?.toggleAttribute("hidden", !link.title.includes(filter.value.trim()));
  }
  const add = ({ names: found, next }: api.Page): void => {
    for (const name of found) {
      const at = name.lastIndexOf("/") + 1;
      const link = make(
        "a",
        { class: "repository", href: linkTo(name), title: name },
        make("span", { class: "path" }, name.slice(0, at)),
        name.slice(at),
      );
      links.push(link);
      names.append(make("li", {}, link));
    }
    apply();
    markCurrent(current);
    if (next) {
      const more = moreButton(async () => {
        const page = await next();
        more.remove();
        add(page);
      });
      into.append(more);
    }
  };
  const first = await api.repositories();
  into.replaceChildren(filter, names);
  add(first);
}

/** Marks the repository that is shown. */
export function markCurrent(name: string): void {
  current = name;
  for (const link of links) {
    if (link.title === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
