/** What is around every view: the name, the language of the page, who is signed in. */
import { fill, h, hidden, retranslate } from "./dom.js";
import { language, setLanguage, t } from "./i18n.js";
import { icon } from "./icons.js";
import { LIBRARY_ADDRESS } from "./router.js";
import { signOut } from "./session.js";

const NAMES = { en: "English", ko: "한국어" };

/** Returns the `element`, its `main` place, `setUser(user)` and `setTitle(title)`. */
export function frame() {
  const main = h("main", { id: "content", tabindex: "-1" });
  const account = h("div.account-menu");
  const skip = h("a.skip", { href: "#content", on: { click: (event) => skipTo(event, main) } }, t("app.skip"));
  const header = h("header.top", {},
    h("a.brand", { href: LIBRARY_ADDRESS, "aria-label": t("app.home") }, mark(), wordmark()),
    h("div.top-end", {}, languageSwitch(), account));
  return {
    element: h("div.page", {}, skip, header, main),
    main,
    setUser: (user) => fill(account, user && accountMenu(user)),
    setTitle: (title) => fill(document.querySelector("title"), title ?? t("app.title")),
  };
}

/** A link to `#content` would change the address, which the router reads. */
function skipTo(event, main) {
  event.preventDefault();
  main.focus();
}

function mark() {
  return h("span.brand-mark", {}, icon("pulse"));
}

/** Three letters, loud, plain and quiet: what the captions do with words. */
function wordmark() {
  return h("span.brand-word", { "aria-hidden": "true" },
    h("span.loud", {}, "E"), h("span.plain", {}, "C"), h("span.quiet", {}, "G"));
}

function languageSwitch() {
  const buttons = Object.entries(NAMES).map(([code, name]) =>
    h("button.segment", { type: "button", lang: code, "data-language": code, on: { click: () => choose(code) } },
      h("span.long", {}, name), h("span.short", { "aria-hidden": "true" }, code === "en" ? "EN" : "한")));
  const choose = (code) => {
    setLanguage(code);
    document.documentElement.lang = code;
    retranslate();
    showChosen();
  };
  const showChosen = () => buttons.forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.language === language())));
  showChosen();
  return h("div.segments.small", { role: "group", "aria-label": t("app.language") }, buttons);
}

function accountMenu(user) {
  return [
    h("span.account-name", {}, user.username || user.email),
    h("button.icon-button", { type: "button", title: t("app.signOut"), on: { click: () => signOut() } },
      icon("exit"), hidden(t("app.signOut"))),
  ];
}
