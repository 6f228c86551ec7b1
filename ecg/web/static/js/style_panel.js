/** How the captions look: a style and its strength; the reader's own styles are kept and deleted here. */
import { deleteStyle, listStyles, saveStyle } from "./api.js";
import { deleteButton } from "./delete_button.js";
import { fill, h } from "./dom.js";
import { has, language, t, Message } from "./i18n.js";
import { keepStyle } from "./keep_style.js";
import { freeName } from "./style_name.js";

/**
 * `onChoice({style, strength})`: another one was chosen. `baked(choice)` resolves to that style as the API
 * gives it, with the strength already in it. `choice()`: what is chosen now.
 */
export class StylePanel {
  constructor(styles, { onChoice, baked }) {
    Object.assign(this, { onChoice, baked });
    this.built = h("div.style-list");
    this.own = h("div.style-list.style-own");
    this.ownBox = h("div.style-own-box", { role: "group", "aria-labelledby": "own-styles" },
      h("h3", { id: "own-styles" }, t("style.own")), this.own);
    this.strength = strengthField(() => this.#chosen());
    this.keeper = keepStyle({ isMine: (title) => Boolean(this.#mine(title)), keep: (title) => this.#keep(title) });
    this.element = h("section.panel.style-panel", {},
      h("div.panel-head", {}, h("h2", {}, t("style.title"))),
      h("fieldset.style-choices", {}, h("legend.visually-hidden", {}, t("style.title")), this.built, this.ownBox),
      this.strength.element, this.keeper.element);
    this.#list(styles, styles[0].name);
  }

  choice() {
    return { style: this.chosen, strength: this.strength.value() };
  }

  /** Show these styles, and which of them is chosen. */
  #list(styles, chosen) {
    Object.assign(this, { styles, chosen });
    const [built, own] = [false, true].map((saved) => styles.filter((style) => style.saved === saved));
    fill(this.built, built.map((style) => this.#row(style)));
    fill(this.own, own.map((style) => this.#row(style)));
    this.ownBox.hidden = own.length === 0;
  }

  #row(style) {
    const change = () => {
      this.chosen = style.name;
      this.#chosen();
    };
    const input = h("input.visually-hidden", { type: "radio", name: "style", value: style.name, on: { change } });
    input.checked = style.name === this.chosen;
    const choice = styleChoice(style, input);
    if (!style.saved) return choice;
    const trouble = h("div.style-trouble");
    return h("div.style-row", {}, choice, deleteButton({
      label: t("style.delete", { title: style.title }), question: t("style.deleteSure", { title: style.title }),
      trouble, remove: () => removed(style.name), onDeleted: () => this.#deleted(style),
    }), trouble);
  }

  #chosen() {
    this.keeper.rest();
    this.onChoice(this.choice());
  }

  #mine(title) {
    return this.styles.find((style) => style.saved && style.title === title);
  }

  /** Keep what is chosen under a title, in place of an own style of that title; resolves to warnings. */
  async #keep(title) {
    this.styles = await listStyles(); // another tab may have kept or deleted some
    const name = this.#mine(title)?.name ?? freeName(title, this.styles.map((style) => style.name));
    const { warnings, ...saved } = await saveStyle({ ...await this.baked(this.choice()), name, title });
    const others = this.styles.filter((style) => style.name !== name);
    this.#list([...others, saved], name);
    this.strength.set(1); // what was weaker is in the style now
    this.onChoice(this.choice());
    return warnings;
  }

  #deleted(gone) {
    const rest = this.styles.filter((style) => style.name !== gone.name);
    const wasChosen = this.chosen === gone.name;
    this.#list(rest, wasChosen ? rest[0].name : this.chosen);
    this.element.querySelector("input:checked").focus();
    if (wasChosen) this.#chosen();
  }
}

/** Delete a style; one that another tab has deleted is gone as well. */
async function removed(name) {
  try {
    await deleteStyle(name);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

function styleChoice({ name, title, saved }, input) {
  const about = !saved && has(`style.about.${name}`) && h("span.hint", {}, t(`style.about.${name}`));
  return h("label.style-choice", {}, input,
    h("span.style-sample", { "data-style": saved ? "" : name, "aria-hidden": "true" },
      h("span.sample-text", {}, h("span", {}, "A"), h("span", {}, "a"), h("span", {}, "가"))),
    h("span.style-words", {}, h("span.style-name", {}, saved ? title : styleTitle(name, title)), about));
}

/** The server names styles in English. */
function styleTitle(name, title) {
  const key = `style.name.${name}`;
  return new Message(() => (language() === "en" || !has(key) ? title : t(key)));
}

function strengthField(onInput) {
  const shown = h("output.strength-value", { for: "strength" });
  const range = h("input.range", {
    type: "range", id: "strength", min: "0", max: "1", step: "0.05", "aria-describedby": "strength-hint",
  });
  const set = (value) => {
    range.value = String(value);
    range.style.setProperty("--share", range.value);
    fill(shown, `${Math.round(Number(range.value) * 100)}%`);
  };
  range.addEventListener("input", () => {
    set(range.value);
    onInput();
  });
  set(1);
  const element = h("label.field", { for: "strength" },
    h("span.field-label.spread", {}, h("span", {}, t("style.strength")), shown), range,
    h("span.hint", { id: "strength-hint" }, t("style.strengthHint")));
  return { element, set, value: () => Number(range.value) };
}
