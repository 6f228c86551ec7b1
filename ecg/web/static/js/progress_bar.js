/** A bar that says how far something is, to eyes and to screen readers. */
import { percent as asPercent } from "./format.js";
import { h } from "./dom.js";

/** `label`: what it measures. Returns the `element` and `set(percent)`, 0..100. */
export function progressBar(label) {
  const fillBar = h("span.bar-fill");
  const element = h("div.bar", {
    role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100",
  }, fillBar);
  const set = (percent) => {
    element.setAttribute("aria-valuenow", String(Math.floor(percent)));
    element.setAttribute("aria-valuetext", asPercent(percent));
    fillBar.style.setProperty("--share", String(percent / 100));
  };
  set(0);
  return { element, set };
}
