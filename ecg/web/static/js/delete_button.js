/** A button that deletes something, after asking whether it may. */
import { fill, h, hidden } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

/**
 * `label` says what it deletes; `question` is put into `trouble`, an element beside it, and so is what goes
 * wrong. `remove()` resolves when it is gone; then `onDeleted()` is called.
 */
export function deleteButton({ label, question, trouble, remove, onDeleted }) {
  const gone = async () => {
    try {
      await remove();
      fill(trouble);
      onDeleted();
    } catch (error) {
      fill(trouble, errorLine(error));
    }
  };
  const keep = () => {
    fill(trouble);
    button.focus();
  };
  const ask = () => {
    const yes = h("button.button.small.danger", { type: "button", on: { click: gone } }, t("delete.yes"));
    const no = h("button.button.small", { type: "button", on: { click: keep } }, t("delete.no"));
    fill(trouble, h("div.sure", { role: "group" }, h("p", {}, question), yes, no));
    yes.focus();
  };
  const button = h("button.icon-button", { type: "button", on: { click: ask } }, icon("trash"), hidden(label));
  return button;
}
