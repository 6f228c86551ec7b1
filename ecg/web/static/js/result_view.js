/** The captions of an analysed video: preview, style, words, voice, files, quality. All parts share one time. */
import { getProsody, getResult, getScenario, getVideo, listStyles } from "./api.js";
import { captionFiles } from "./caption_files.js";
import { fill, h } from "./dom.js";
import { errorLine, errorPanel } from "./error_panel.js";
import { t } from "./i18n.js";
import { notesPanel } from "./notes_panel.js";
import { Playback } from "./playback.js";
import { Plot } from "./plot.js";
import { QualityPanel } from "./quality_panel.js";
import { RenderPanel } from "./render_panel.js";
import { colorProperties, speakerLegend, speakersOf } from "./speakers.js";
import { StylePanel } from "./style_panel.js";
import { TranscriptView } from "./transcript.js";

const SETTLE_MS = 90; // a slider moves in many steps; the scenario is composed for where it rests

/** `again()` and `useCaptions(text)` start another analysis: by an engine, or with the words of a file. */
export function resultView({ config, video, again, useCaptions }) {
  const view = new ResultView(config, video, { again, useCaptions });
  view.load();
  return { element: view.element, leave: () => view.leave() };
}

class ResultView {
  constructor(config, video, restarts) {
    Object.assign(this, { config, video, restarts });
    this.element = h("div.result", {}, h("p.loading", { role: "status" }, t("video.loading")));
    this.speakers = new Map();
    this.parts = [];
    this.left = false;
  }

  async load() {
    const { id } = this.video;
    try {
      const [styles, result, prosody] = await Promise.all([listStyles(), getResult(id), getProsody(id)]);
      const scenario = await getScenario(id, { style: styles[0].name, strength: 1 });
      if (!this.left) this.build(styles, result, prosody, scenario);
    } catch (error) {
      if (!this.left) fill(this.element, errorPanel(error));
    }
  }

  leave() {
    this.left = true;
    clearTimeout(this.timer);
    this.composing?.abort();
    this.colors?.stop();
    for (const part of this.parts) part.leave();
  }

  build(styles, result, prosody, scenario) {
    Object.assign(this, { result, prosody });
    this.playback = new Playback({
      url: this.video.url, name: this.video.filename, duration_s: result.duration,
      freshUrl: async () => (await getVideo(this.video.id)).url,
    });
    const seek = (t_s) => this.playback.seek(t_s);
    this.plot = new Plot(seek);
    this.transcript = new TranscriptView(seek);
    this.legend = speakerLegend();
    this.style = new StylePanel(styles, {
      onChoice: (choice) => this.compose(choice),
      baked: async (choice) => (await getScenario(this.video.id, choice)).style,
    });
    const choice = () => this.style.choice();
    this.renders = new RenderPanel({ config: this.config, video: this.video, picture: scenario, choice });
    this.files = captionFiles(this.video, choice);
    this.quality = new QualityPanel(this.video, (t_s) => this.look(t_s));
    this.parts = [this.playback, this.plot, this.renders, this.quality];
    this.trouble = h("div.result-trouble");
    this.lay();
    this.colors = colorProperties(this.element, () => this.speakers);
    this.playback.onTime((t_s, playing) => {
      this.plot.follow(t_s);
      this.transcript.follow(t_s, playing);
    });
    this.show(scenario);
    this.quality.show(choice());
  }

  lay() {
    fill(this.element,
      h("div.result-main", {},
        h("div.stage-box", {}, this.playback.element, this.plot.element),
        this.trouble, this.legend.element, this.transcript.element, this.quality.element),
      h("div.result-side", {}, this.style.element, this.renders.element, this.files,
        notesPanel(this.result, this.restarts)));
  }

  /** Lead to a time, and to the picture at that time. */
  look(t_s) {
    this.playback.seek(t_s);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playback.element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  /** Ask for the scenario of a style, and how readable it is; a newer wish overtakes an older one. */
  compose(choice) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      this.composing?.abort();
      this.composing = new AbortController();
      try {
        this.show(await getScenario(this.video.id, choice, this.composing.signal));
        this.quality.show(choice);
      } catch (error) {
        if (error.name !== "AbortError") fill(this.trouble, errorLine(error));
      }
    }, SETTLE_MS);
  }

  async show(scenario) {
    this.recolor(scenario);
    try {
      await this.playback.showScenario(scenario);
      fill(this.trouble);
    } catch (error) {
      const message = `${t("video.captionsFailed")}: ${error.message}`;
      fill(this.trouble, errorLine({ code: "PLAYER", message }));
    }
  }

  /** Colours belong to the style; what is drawn with them is drawn again when they change. */
  recolor(scenario) {
    const before = JSON.stringify([...this.speakers].map(([id, { color }]) => [id, color]));
    this.speakers = speakersOf(scenario, this.result);
    const after = JSON.stringify([...this.speakers].map(([id, { color }]) => [id, color]));
    if (before === after) return;
    const { result, prosody, speakers } = this;
    this.colors.set();
    this.legend.show(speakers, result);
    this.transcript.show(result, speakers);
    this.plot.show({ result, prosody, speakers });
  }
}
