/** How an image is fetched, for each of the programs that may fetch it. */
import { copyLine, make } from "./dom.ts";
import { platformOption } from "./words.ts";

const programs: Readonly<Record<string, string>> = {
  docker: "docker pull ",
  dhow: "dhow pull ",
  podman: "podman pull ",
  skopeo: "skopeo inspect docker://",
};

/** The program that was chosen last. */
let chosen = "docker";

/** `suffix` is `:TAG` or `@DIGEST`. */
export function pullLine(name: string, suffix: string, platform = ""): HTMLElement {
  const box = make("div", { class: "pull" });
  const draw = (): void => {
    const tabs = Object.keys(programs).map((program) => {
      const choose = (): void => {
        chosen = program;
        draw();
      };
      const mark = program === chosen ? ({ "aria-current": "true" } as const) : {};
      return make("button", { type: "button", class: "tab", ...mark, on: { click: choose } }, program);
    });
    const before = programs[chosen] ?? "";
    const option = chosen === "skopeo" ? "" : platformOption(platform);
    box.replaceChildren(
      make("div", { class: "tabs" }, ...tabs),
      copyLine(`${before}${option}${location.host}/${name}${suffix}`),
    );
  };
  draw();
  return box;
}
