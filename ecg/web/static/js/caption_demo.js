/** Three lines of sample captions on the account page: colour, moment and voice at one glance. */
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** What is claimed, and how it looks when it is so: the class of the line. */
const LINES = [["account.who", "who"], ["account.when", "when"], ["account.how", "how"]];

export function captionDemo() {
  return h("div.demo", {}, LINES.map(([key, name]) => h(`p.demo-line.demo-${name}`, {}, h("span", {}, t(key)))));
}
