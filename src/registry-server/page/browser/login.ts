import * as api from "./api.ts";
import { make } from "./dom.ts";

/** Asks for a name and a password until the registry takes them; then `enter` is told the name. */
export function loginForm(enter: (user: string) => void): HTMLElement {
  const user = make("input", {
    type: "text",
    name: "username",
    autocomplete: "username",
    placeholder: "User",
    "aria-label": "User",
  });
  const password = make("input", {
    type: "password",
    name: "password",
    autocomplete: "current-password",
    placeholder: "Password",
    "aria-label": "Password",
  });
  const told = make("p", { class: "failure" });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    told.textContent = "";
    api.login(user.value, password.value).then(
      (isTaken) => {
        if (isTaken) enter(user.value);
        else told.textContent = "Wrong user or password.";
      },
      (error: unknown) => {
        told.textContent = String(error);
      },
    );
  };
  return make(
    "form",
    { class: "card login", on: { submit } },
    make("h1", {}, "Log in"),
    user,
    password,
    make("button", { type: "submit", class: "primary" }, "Log in"),
    told,
  );
}
