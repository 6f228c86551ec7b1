/** The voice over time: loudness as an area, pitch as a line in the speaker's colour, bands of who speaks. */
import { fill, h, setAttribute } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { bands, columnsOf, QUIET_DB, span, speakerColumns } from "./plot_data.js";

const HEIGHT = 132; // CSS pixels, as the rest
const BAND = 6;
const TOP = 10;
const COLORS = { area: "#3a3d45", edge: "#6b6f7a", grid: "#24262c", head: "#ffffff", pitch: "#ffffff" };

/** `onSeek(t_s)`: a time was chosen. */
export class Plot {
  constructor(onSeek) {
    this.canvas = h("canvas.plot-canvas", { role: "img", height: String(HEIGHT) });
    this.head = h("span.plot-head", { "aria-hidden": "true" });
    this.frame = h("div.plot-frame", {}, this.canvas, this.head);
    this.words = h("div.plot-words");
    this.element = h("section.plot", { "aria-label": t("plot.title") }, this.frame,
      h("div.plot-foot", {},
        h("ul.plot-keys", { "aria-hidden": "true" },
          h("li.key-loudness", {}, t("plot.loudness")), h("li.key-pitch", {}, t("plot.pitch"))),
        h("details.plot-text", {}, h("summary", {}, t("plot.asText")), this.words)));
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.frame);
    followPointer(this.frame, (share) => onSeek(share * this.duration_s));
  }

  show({ prosody, result, speakers }) {
    Object.assign(this, { prosody, speakers, duration_s: result.duration, bands: bands(result.segments) });
    setAttribute(this.canvas, "aria-label", t("plot.alt", { time: clock(result.duration) }));
    fill(this.words, summary(prosody, this.bands), speakerTable(result, speakers));
    this.draw();
  }

  follow(t_s) {
    const share = this.duration_s ? Math.min(t_s / this.duration_s, 1) : 0;
    this.head.style.setProperty("--share", String(share));
  }

  leave() {
    this.resizes.disconnect();
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!this.prosody || width === 0) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(HEIGHT * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const columns = columnsOf(this.prosody, this.duration_s, width);
    drawLoudness(pen, columns);
    this.#drawPitch(pen, columns);
    this.#drawBands(pen, width);
  }

  /** Pitch on a scale of octaves, from the lowest to the highest that occur. */
  #drawPitch(pen, columns) {
    const range = span(this.prosody.pitch_hz);
    if (!range) return;
    const [low, high] = [Math.log2(range.low * 0.85), Math.log2(range.high * 1.15)];
    const owners = speakerColumns(this.bands, this.duration_s, columns.length);
    const room = HEIGHT - BAND - TOP - 16;
    pen.lineWidth = 2;
    pen.lineCap = "round";
    for (const run of voicedRuns(columns, owners)) {
      pen.strokeStyle = this.speakers.get(run.speaker)?.color ?? COLORS.pitch;
      pen.beginPath();
      run.points.forEach(([x, pitch_hz]) => {
        const share = Math.min(Math.max((Math.log2(pitch_hz) - low) / (high - low), 0), 1);
        pen.lineTo(x + 0.5, TOP + (1 - share) * room);
      });
      if (run.points.length === 1) pen.lineTo(run.points[0][0] + 1.5, TOP + room / 2);
      pen.stroke();
    }
  }

  #drawBands(pen, width) {
    for (const { start_s, end_s, speaker } of this.bands) {
      const x = (start_s / this.duration_s) * width;
      pen.fillStyle = this.speakers.get(speaker)?.color ?? COLORS.edge;
      pen.fillRect(x, HEIGHT - BAND, Math.max(((end_s - start_s) / this.duration_s) * width, 1), BAND);
    }
  }
}

function drawLoudness(pen, columns) {
  const floor = HEIGHT - BAND - 2;
  const y = ({ loudness_db: db }) => floor - ((db - QUIET_DB) / -QUIET_DB) * (floor - TOP);
  pen.beginPath();
  pen.moveTo(0, floor);
  columns.forEach((column, x) => pen.lineTo(x + 0.5, y(column)));
  pen.lineTo(columns.length, floor);
  pen.closePath();
  pen.fillStyle = COLORS.area;
  pen.fill();
}

/** Stretches of voiced columns of one speaker: `{speaker, points: [[x, pitch_hz] …]}`. */
function voicedRuns(columns, owners) {
  const runs = [];
  let open = null;
  columns.forEach(({ pitch_hz: pitch }, x) => {
    if (pitch === null || (open && open.speaker !== owners[x])) open = null;
    if (pitch === null) return;
    if (!open) runs.push((open = { speaker: owners[x], points: [] }));
    open.points.push([x, pitch]);
  });
  return runs;
}

/** Tell `onShare` (0..1 across `element`) while the pointer is pressed. */
function followPointer(element, onShare) {
  const tell = (event) => {
    const { left, width } = element.getBoundingClientRect();
    onShare(Math.min(Math.max((event.clientX - left) / width, 0), 1));
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    tell(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) tell(event);
  });
}

/** What the plot shows, in sentences: pauses are not part of how loud someone speaks. */
function summary({ hop_s, loudness_db: loudness, pitch_hz: pitch }, spans) {
  const rounded = (range) => Object.fromEntries(Object.entries(range).map(([k, v]) => [k, Math.round(v)]));
  const spoken = spans.flatMap(({ start_s, end_s }) => loudness.slice(start_s / hop_s, end_s / hop_s));
  const level = span(spoken.filter((db) => db > QUIET_DB));
  const tone = span(pitch);
  return [
    level && h("p", {}, t("plot.loudnessSpan", rounded(level))),
    h("p", {}, tone ? t("plot.pitchSpan", rounded(tone)) : t("plot.noPitch")),
  ];
}

function speakerTable(result, speakers) {
  const cell = (value, unit) => h("td", {}, value === null || value === undefined ? "–" : `${Math.round(value)} ${unit}`);
  const rows = [...speakers].filter(([id]) => result.speakers[id]).map(([id, { name }]) => {
    const { total_duration: spoken, pitch_hz: pitch, volume_db: volume } = result.speakers[id];
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, clock(spoken)),
      cell(pitch.median, "Hz"), cell(volume.median, "dBFS"));
  });
  const head = ["speakers.title", "plot.spoken", "plot.median", "plot.level"];
  return h("table", {}, h("thead", {}, h("tr", {}, head.map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", {}, rows));
}
