/** Who speaks: names, colours, how much. */
import { fill, h } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { onScheme, readable } from "./colors.js";

/** Ids of speakers whom nobody has named; those of a caption file are the names it gives. */
const NAMELESS = /^SPEAKER_\d+$/;

/** `{id → {color, name}}` of a scenario, names made up where it has none; in the order of first speech. */
export function speakersOf(scenario, result) {
  const ids = [...new Set(result.segments.map((segment) => segment.speaker.speaker_id ?? "SPEAKER_00"))];
  return new Map(ids.filter((id) => scenario.speakers[id]).map((id, index) => {
    const { color, name } = scenario.speakers[id];
    const told = NAMELESS.test(id) ? t("speakers.name", { number: index + 1 }) : id;
    return [id, { color, name: name ?? told }];
  }));
}

/** The legend. `show(speakers, result)` fills it. */
export function speakerLegend() {
  const list = h("ul.legend");
  const show = (speakers, result) => fill(list, [...speakers].map(([id, { color, name }]) =>
    h("li.legend-item", {}, h("span.swatch", { style: { "--speaker": color } }),
      h("span.legend-name", {}, name), spoken(result.speakers[id]))));
  return { element: h("section.legend-box", { "aria-label": t("speakers.title") }, list), show };
}

function spoken(speaker) {
  return speaker && h("span.hint", {}, t("speakers.share", { time: clock(speaker.total_duration) }));
}

/**
 * Give `element` a speaker's colours as CSS properties: `--ink-<n>` (readable on the page) and
 * `--speaker-<n>`, n by order. Returns how to stop following the page's scheme.
 */
export function colorProperties(element, speakersNow) {
  const set = () => [...speakersNow().values()].forEach(({ color }, index) => {
    element.style.setProperty(`--speaker-${index}`, color);
    element.style.setProperty(`--ink-${index}`, readable(color));
  });
  set();
  return { set, stop: onScheme(set) };
}
