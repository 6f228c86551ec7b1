/** Everything that is said, coloured by speaker; the word spoken now stands out, any word leads there. */
import { fill, h } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { isDoubted, markLine } from "./marks.js";

const HELD_MS = 4000; // after the reader has scrolled, the text stays where it is

/** `onSeek(t_s)`: a word was chosen. Returns `element`, `show(result, speakers)`, `follow(t_s, playing)`. */
export class TranscriptView {
  constructor(onSeek) {
    this.onSeek = onSeek;
    this.words = [];
    this.current = null;
    this.t_s = 0;
    this.scrolled_at = 0;
    this.count = h("span.hint");
    this.text = h("div.transcript-text", {
      tabindex: "0", role: "group", "aria-labelledby": "transcript-title", "aria-describedby": "transcript-hint",
      on: {
        click: (event) => this.#click(event), keydown: (event) => this.#key(event),
        wheel: () => this.#hold(), touchmove: () => this.#hold(),
      },
    });
    this.element = h("section.panel.transcript", {},
      h("div.panel-head", {}, h("h2", { id: "transcript-title" }, t("transcript.title")), this.count),
      this.text, h("p.hint", { id: "transcript-hint" }, t("transcript.hint")));
  }

  show(result, speakers) {
    const order = [...speakers.keys()];
    this.words = [];
    this.text.lang = result.language;
    this.gap = /^(ja|zh)/.test(result.language) ? "" : " ";
    fill(this.text, result.segments.map((segment) => this.#segment(segment, speakers, order)));
    this.words.sort((a, b) => a.start_s - b.start_s);
    fill(this.count, t("transcript.words", { count: this.words.length }));
    this.current = null;
    this.follow(this.t_s, false);
  }

  follow(t_s, playing) {
    this.t_s = t_s;
    const word = this.#spokenAt(t_s);
    if (word === this.current) return;
    this.current?.element.classList.remove("is-now");
    this.current?.element.removeAttribute("aria-current");
    word?.element.classList.add("is-now");
    word?.element.setAttribute("aria-current", "true");
    this.current = word;
    if (word && playing) this.#scrollTo(word.element);
  }

  #segment(segment, speakers, order) {
    const id = segment.speaker.speaker_id ?? "SPEAKER_00";
    const index = Math.max(order.indexOf(id), 0);
    const from = clock(segment.start);
    const marks = segment.warnings ?? []; // older analyses have none
    const words = segment.words.map((word) => {
      const doubted = isDoubted(word, marks) ? ".is-doubted" : "";
      const element = h(`span.word${doubted}`, { "data-start": word.start }, word.word);
      this.words.push({ element, start_s: word.start, end_s: word.end });
      return [element, this.gap];
    });
    return h("div.utterance", {
      style: { "--speaker": `var(--speaker-${index})`, "--ink-of-speaker": `var(--ink-${index})` },
    },
    h("p.segment-head", {}, h("span.segment-speaker", {}, speakers.get(id)?.name ?? id),
      h("button.time", { type: "button", "data-start": segment.start, "aria-label": t("transcript.from", { time: from }) },
        from)),
    h("p.segment-words", {}, words), markLine(marks));
  }

  /** The last word begun by `t_s`, unless it is over. */
  #spokenAt(t_s) {
    const index = this.#begunBy(t_s);
    const word = this.words[index];
    return word && t_s < word.end_s ? word : null;
  }

  #begunBy(t_s) {
    let [low, high] = [0, this.words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle].start_s <= t_s) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #click(event) {
    const start = event.target.closest("[data-start]")?.dataset.start;
    if (start !== undefined) this.onSeek(Number(start));
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const here = this.#begunBy(this.t_s + 0.001);
    const word = this.words[Math.min(Math.max(here + steps[event.key], 0), this.words.length - 1)];
    if (!word) return;
    this.onSeek(word.start_s);
    this.#scrollTo(word.element);
  }

  #hold() {
    this.scrolled_at = performance.now();
  }

  /** Scroll the text alone: the page stays under the reader's eyes. */
  #scrollTo(element) {
    if (performance.now() - this.scrolled_at < HELD_MS && this.scrolled_at > 0) return;
    const place = element.getBoundingClientRect();
    const frame = this.text.getBoundingClientRect();
    if (place.top >= frame.top + 8 && place.bottom <= frame.bottom - 8) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.text.scrollBy({ top: place.top - frame.top - frame.height / 3, behavior: calm ? "auto" : "smooth" });
  }
}
