/** The choice of the language that is spoken. */
import { h } from "./dom.js";
import { t } from "./i18n.js";

const CHOICES = ["auto", "en", "ko", "ja", "zh"];

/** Returns the `element` and `chosen()`: a language code, or null for detection. */
export function languageSelect() {
  const select = h("select", { name: "language" },
    CHOICES.map((code) => h("option", { value: code }, t(`language.${code}`))));
  return {
    element: h("label.field.inline", {}, h("span.field-label", {}, t("upload.language")), select),
    chosen: () => (select.value === "auto" ? null : select.value),
  };
}
