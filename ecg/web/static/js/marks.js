/** What in a segment deserves a second look: words that may never have been said, times that were mended. */
import { h } from "./dom.js";
import { t } from "./i18n.js";

const OF_TIMES = new Set(["estimated_time", "shortened"]);
const OF_THE_SCRIPT = /^script_/;

/** Whether some mark doubts that the word is what was said; that its time was mended does not. */
export function isDoubted(word, marks) {
  return marks.some(({ kind, start, end }) => !OF_TIMES.has(kind) && start < word.end && end > word.start);
}

/** A line with what the marks say, each kind once; null where there are none. */
export function markLine(marks) {
  const kinds = [...new Set(marks.map(({ kind }) => kind))];
  if (kinds.length === 0) return null;
  return h("p.segment-marks.hint", {}, kinds.map((kind) => h("span", {}, t(`mark.${kind}`), wordsOf(kind, marks))));
}

/** The words a deviation from the script is about, after a colon. */
function wordsOf(kind, marks) {
  const words = marks.filter((mark) => mark.kind === kind && mark.text).map(({ text }) => `“${text}”`);
  return OF_THE_SCRIPT.test(kind) && words.length > 0 ? `: ${words.join(", ")}` : null;
}
