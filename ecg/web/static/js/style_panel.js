/** How the captions look: a style and its strength. */
import { fill, h } from "./dom.js";
import { has, language, t, Message } from "./i18n.js";

/** `onChoice({style, strength})`: another one was chosen. Returns `element`, `choice()`. */
export function stylePanel(styles, onChoice) {
  const value = h("output.strength-value", { for: "strength" }, "100%");
  const range = h("input.range", {
    type: "range", id: "strength", min: "0", max: "1", step: "0.05", value: "1",
    "aria-describedby": "strength-hint", style: { "--share": "1" },
  });
  const radios = styles.map((style, index) => styleChoice(style, index === 0));
  const choice = () => ({
    style: radios.find(({ input }) => input.checked).input.value, strength: Number(range.value),
  });
  range.addEventListener("input", () => {
    fill(value, `${Math.round(Number(range.value) * 100)}%`);
    range.style.setProperty("--share", range.value);
    onChoice(choice());
  });
  for (const { input } of radios) input.addEventListener("change", () => onChoice(choice()));
  const element = h("section.panel", {}, h("div.panel-head", {}, h("h2", {}, t("style.title"))),
    h("fieldset.style-choices", {}, h("legend.visually-hidden", {}, t("style.title")),
      radios.map((radio) => radio.element)),
    h("label.field", { for: "strength" },
      h("span.field-label.spread", {}, h("span", {}, t("style.strength")), value), range,
      h("span.hint", { id: "strength-hint" }, t("style.strengthHint"))));
  return { element, choice };
}

function styleChoice({ name, title, description }, checked) {
  const input = h("input.visually-hidden", { type: "radio", name: "style", value: name });
  input.checked = checked;
  const element = h("label.style-choice", {}, input,
    h("span.style-sample", { "data-style": name, "aria-hidden": "true" },
      h("span", {}, "A"), h("span", {}, "a"), h("span", {}, "가")),
    h("span.style-words", {}, h("span.style-name", {}, styleTitle(name, title)),
      description && h("span.hint", {}, description)));
  return { element, input };
}

/** The server names styles in English. */
function styleTitle(name, title) {
  const key = `style.name.${name}`;
  return new Message(() => (language() === "en" || !has(key) ? title : t(key)));
}
