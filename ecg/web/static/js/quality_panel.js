/** How readable the captions are: the share that keeps to published limits, and where others do not. */
import { getQuality } from "./api.js";
import { fill, h } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { clock, percent } from "./format.js";
import { bilingual, t } from "./i18n.js";

const PROFILES = ["ecg", "netflix", "bbc"];
const MOST_FINDINGS = 8;

/** `onSeek(t_s)`: show the caption there. Returns `element`, `show(choice)`, `leave()`. */
export class QualityPanel {
  constructor(video, onSeek) {
    Object.assign(this, { video, onSeek });
    this.profile = h("select", { name: "profile", on: { change: () => this.#load() } },
      PROFILES.map((name) => h("option", { value: name }, t(`quality.profile.${name}`))));
    this.share = h("p.quality-share", { "aria-hidden": "true" });
    this.bar = h("span.bar-fill");
    this.summary = h("p.quality-summary", { role: "status" });
    this.findings = h("div.findings");
    this.element = h("section.panel.quality", { "aria-labelledby": "quality-title" },
      h("div.panel-head", {}, h("h2", { id: "quality-title" }, t("quality.title")),
        h("label.field.inline", {}, h("span.field-label", {}, t("quality.profile")), this.profile)),
      h("div.quality-told", {}, this.share,
        h("div", {}, this.summary, h("div.bar", { "aria-hidden": "true" }, this.bar))),
      this.findings);
  }

  /** Measure the captions in another `{style, strength}`. */
  show(choice) {
    this.choice = choice;
    return this.#load();
  }

  leave() {
    this.loading?.abort();
  }

  /** A newer wish overtakes an older one. */
  async #load() {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    const wish = { ...this.choice, profile: this.profile.value, fps: framesPerSecond(this.video.media) };
    try {
      const report = await getQuality(this.video.id, wish, signal);
      if (!signal.aborted) this.#tell(report);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.findings, errorLine(error));
    }
  }

  #tell({ summary, findings }) {
    const share = percent(summary.clean_share * 100);
    fill(this.share, share);
    this.bar.style.setProperty("--share", String(summary.clean_share));
    fill(this.summary, findings.length > 0 ? t("quality.some", { share, count: summary.cues })
      : t("quality.all", { count: summary.cues }));
    const shown = fewOfEach(findings);
    const more = findings.length - shown.reduce((sum, group) => sum + group.picked.length, 0);
    fill(this.findings, shown.map((group) => this.#group(group)),
      more > 0 && h("p.hint", {}, t("app.more", { count: more })));
  }

  #group({ rule, severity, count, picked }) {
    return h("section.finding-group", {},
      h("h3", {}, t(`quality.rule.${rule}`), " ", h(`span.badge.badge-${severity}`, {},
        t(`quality.severity.${severity}`, { count }))),
      h("ul", {}, picked.map(({ start_s, message }) => h("li", {},
        h("button.finding", { type: "button", on: { click: () => this.onSeek(start_s) } },
          h("span.finding-time", {}, clock(start_s, 1)), " ", h("span", {}, bilingual(message)))))));
  }
}

/**
 * The findings by rule, errors and frequent ones first: `{rule, severity, count, picked}`. So many are
 * picked that each rule has its turn before any has another.
 */
function fewOfEach(findings) {
  const groups = new Map();
  for (const finding of findings) {
    const { rule, severity } = finding;
    if (!groups.has(rule)) groups.set(rule, { rule, severity, all: [], picked: [] });
    groups.get(rule).all.push(finding);
  }
  const sorted = [...groups.values()].sort((a, b) =>
    a.severity.localeCompare(b.severity) || b.all.length - a.all.length);
  const left = () => MOST_FINDINGS - sorted.reduce((sum, { picked }) => sum + picked.length, 0);
  for (let turn = 0; turn < MOST_FINDINGS; turn += 1) {
    for (const { all, picked } of sorted) if (turn < all.length && left() > 0) picked.push(all[turn]);
  }
  return sorted.filter(({ picked }) => picked.length > 0)
    .map(({ all, ...group }) => ({ ...group, count: all.length }));
}

/** A video's frame rate as a number; the API has it as a fraction such as `30000/1001`. */
function framesPerSecond(media) {
  if (!media?.fps) return null;
  const [frames, seconds = 1] = media.fps.split("/").map(Number);
  return frames / seconds;
}
