/** Keep the style that is chosen as one's own: a name is asked for in its place. */
import { fill, h } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

const MOST_CHARS = 100;
const MOST_WARNINGS = 4;

/**
 * `keep(title)` resolves to a list of warnings; `isMine(title)`: whether there is an own style of this title
 * already. Returns the `element`, and `rest()`: what was told of the last one is no longer of interest.
 */
export function keepStyle({ isMine, keep }) {
  const view = new KeepStyle(isMine, keep);
  return { element: view.element, rest: () => fill(view.told) };
}

class KeepStyle {
  constructor(isMine, keep) {
    Object.assign(this, { isMine, keep });
    this.open = h("button.button.small", { type: "button", on: { click: () => this.#toggle(true) } }, t("style.keep"));
    this.input = h("input", {
      name: "title", maxlength: String(MOST_CHARS), autocomplete: "off", required: true, pattern: ".*\\S.*",
      "aria-describedby": "keep-hint", on: { input: () => this.#hint() },
    });
    this.hint = h("p.hint", { id: "keep-hint", "aria-live": "polite" });
    this.submit = h("button.button.primary.small", { type: "submit" }, t("style.save"));
    this.trouble = h("div");
    this.told = h("div.keep-told", { role: "status" });
    this.form = h("form.keep-form", { hidden: true, on: {
      submit: (event) => this.#submit(event),
      keydown: (event) => event.key === "Escape" && this.#close(),
    } },
    h("label.field", {}, h("span.field-label", {}, t("style.titleOfOwn")), this.input), this.hint,
    h("div.actions", {}, this.submit,
      h("button.button.small", { type: "button", on: { click: () => this.#close() } }, t("style.keepNot"))),
    this.trouble);
    this.element = h("div.keep-style", {}, this.open, this.form, this.told);
  }

  #toggle(asking) {
    this.form.hidden = !asking;
    this.open.hidden = asking;
    fill(this.trouble);
    if (!asking) return;
    fill(this.told);
    this.#hint();
    this.input.focus();
  }

  #close() {
    this.#toggle(false);
    this.open.focus();
  }

  #hint() {
    fill(this.hint, t(this.isMine(this.#title()) ? "style.replaces" : "style.keepHint"));
  }

  /** One line, whatever was pasted. */
  #title() {
    return this.input.value.replace(/\p{Cc}+/gu, " ").trim();
  }

  async #submit(event) {
    event.preventDefault();
    const title = this.#title();
    this.submit.disabled = true;
    fill(this.trouble);
    try {
      const warnings = await this.keep(title);
      this.input.value = "";
      this.#close();
      fill(this.told, h("p.kept", {}, icon("check"), h("span", {}, t("style.kept", { title }))), told(warnings));
    } catch (error) {
      fill(this.trouble, errorLine(error));
    } finally {
      this.submit.disabled = false;
    }
  }
}

/** One colour may be like many others: some cases say what is wrong. */
function told(warnings) {
  if (warnings.length === 0) return null;
  const more = warnings.length - MOST_WARNINGS;
  return h("ul.warnings", {}, warnings.slice(0, MOST_WARNINGS).map((warning) => h("li", {}, warning)),
    more > 0 && h("li", {}, t("app.more", { count: more })));
}
