/** Which part of the page is shown: `#/`, `#/REPOSITORY`, `#/REPOSITORY:TAG`, `#/REPOSITORY@DIGEST`. */
import * as api from "./api.ts";
import { copyLine, make } from "./dom.ts";
import { showImage } from "./image.ts";
import { loginForm } from "./login.ts";
import { markCurrent, showRepositories } from "./repositories.ts";
import { showTags } from "./tags.ts";
import { words } from "./words.ts";

const place = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
};

const content = place("content");
/** The user who is logged in; "" for nobody. */
let user = "";
/** Which of the showings is the last: one that was overtaken puts nothing into the page. */
let turn = 0;

const pattern = /^#\/([a-z0-9][a-z0-9._/-]*)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/;

async function show(): Promise<void> {
  const mine = ++turn;
  const [, name = "", tag = "", digest = ""] = pattern.exec(location.hash) ?? [];
  markCurrent(name);
  document.title = `${name || "Registry"}${tag && `:${tag}`} · ${location.host}`;
  const fresh = make("div", { class: "view" });
  try {
    if (name === "") await showStart(fresh);
    else if (tag === "" && digest === "") await showTags(fresh, name);
    else await showImage(fresh, name, { tag, digest });
  } catch (error) {
    fresh.replaceChildren(...failure(error));
  }
  if (mine === turn) content.replaceChildren(fresh);
}

function failure(error: unknown): HTMLElement[] {
  const refused = error instanceof api.Refusal && (error.status === 401 || error.status === 403);
  const told = make("p", { class: "failure" }, words(error));
  return refused && user === "" ? [told, loginForm(enter)] : [told];
}

async function showStart(into: HTMLElement): Promise<void> {
  const isEmpty = place("repositories").querySelector("a") === null;
  if (isEmpty && user === "" && (await api.wantsLogin())) {
    into.append(loginForm(enter));
    return;
  }
  const hint = isEmpty
    ? "There is no repository here that you may pull from."
    : "Choose a repository, or send an image:";
  into.append(
    make("h1", {}, location.host),
    make("p", { class: "hint" }, hint),
    copyLine(`docker tag IMAGE ${location.host}/NAME:TAG`),
    copyLine(`docker push ${location.host}/NAME:TAG`),
  );
}

function enter(name: string): void {
  user = name;
  void start();
}

async function start(): Promise<void> {
  const button = (text: string, click: () => void) => make("button", { type: "button", on: { click } }, text);
  const leave = (): void => {
    api.logout();
    enter("");
  };
  const who =
    user !== ""
      ? [make("span", {}, user), button("Log out", leave)]
      : (await api.wantsLogin())
        ? [button("Log in", () => content.replaceChildren(loginForm(enter)))]
        : [];
  place("who").replaceChildren(...who);
  await showRepositories(place("repositories"));
  await show();
}

place("host").textContent = location.host;
addEventListener("hashchange", () => void show());
start().catch((error: unknown) => content.replaceChildren(...failure(error)));
