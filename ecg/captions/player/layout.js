/**
 * Builds the captions' elements and sets them: every cue is measured once, by the browser itself, and
 * gets its place. Nothing of it changes with time.
 */
import { around, grown } from "./geometry.js";

// Around a word's baseline, in em of its own size: where ink may be. The tallest are stacked Vietnamese
// accents; CJK lies within. Sideways, the overhang of a letter beyond its advance.
const INK = { up: 1.15, down: 0.38, side: 0.12 };
const BASELINE = 0.34; // below the middle of the word's line, as in player.css
const SMOOTHING_PX = 1.5; // antialiasing (a rounded box bleeds a pixel beyond itself), and the rounding to whole pixels
const FIT = 0.998;

/** Normal text size in a picture of `width` × `height` pixels. */
export function textSize(style, width, height) {
  return style.text.size * Math.min(height, style.text.tall * width);
}

/**
 * Lay out every cue of `scenario` inside `layer`, an element of `width` × `height` pixels that is in the
 * document. Returns, per cue: its `element` (detached); its `words` with `element`, `pop` (the share by
 * which the word swells at most) and `extent(scale)` (the rectangle its ink may touch); and its `extent`
 * when every word is at its largest.
 */
export function layOut(layer, scenario, { width, height }) {
  const { style } = scenario;
  const unit = textSize(style, width, height);
  const built = scenario.cues.map((cue) => build(cue, style, unit));
  layer.style.visibility = "hidden";
  layer.append(...built.map(({ element }) => element));
  shrinkToFit(built, unit, width * (1 - 2 * style.area.side) - 2 * style.box.padding_x * unit);
  const sizes = built.map(({ element }) => ceilSize(element.getBoundingClientRect()));
  const tops = stack(scenario.cues, sizes.map((size) => size.height), style, unit, height);
  built.forEach(({ element }, index) => place(element, sizes[index], tops[index], width));
  const laid = built.map((cue) => measure(cue, layer, style.animation, unit));
  layer.replaceChildren();
  layer.style.visibility = "";
  return laid;
}

function build(cue, style, unit) {
  const element = document.createElement("div");
  element.className = "ecg-cue";
  const { padding_x: x, padding_y: y, radius, color, opacity } = style.box;
  element.style.padding = `${px(y * unit)} ${px(x * unit)}`;
  element.style.borderRadius = px(radius * unit);
  element.style.backgroundColor = withAlpha(color, opacity);
  element.style.color = withAlpha(style.text.color, style.text.opacity);
  const words = cue.words.map(buildWord);
  const lines = cue.lines.map((indices) => buildLine(indices, cue, words, style, unit));
  element.append(...lines);
  return { element, lines, words };
}

function buildLine(indices, cue, words, style, unit) {
  const line = document.createElement("div");
  line.className = "ecg-line";
  line.style.fontSize = px(unit);
  line.style.lineHeight = String(style.text.line_height);
  indices.forEach((index, position) => {
    // The space is one of the line, not of the word: in em of the word it would grow with the word.
    const space = position > 0 && !cue.words[index].glued ? style.text.word_space / cue.words[index].size : 0;
    words[index].style.marginLeft = `${space.toFixed(4)}em`;
    line.append(words[index]);
  });
  return line;
}

function buildWord(word) {
  const element = document.createElement("span");
  element.className = "ecg-word";
  element.textContent = word.text.normalize("NFC");
  element.style.fontSize = `${word.size}em`;
  element.style.fontWeight = String(word.weight);
  element.style.fontStretch = `${word.width}%`;
  return element;
}

/** Lines wider than `room` get a smaller font. */
function shrinkToFit(built, unit, room) {
  const lines = built.flatMap((cue) => cue.lines);
  const widths = lines.map(contentWidth);
  lines.forEach((line, index) => {
    if (widths[index] > room) line.style.fontSize = px((unit * room * FIT) / widths[index]);
  });
}

function contentWidth(line) {
  const first = line.firstElementChild.getBoundingClientRect();
  const last = line.lastElementChild.getBoundingClientRect();
  return last.right - first.left;
}

function ceilSize(rect) {
  return { width: Math.ceil(rect.width), height: Math.ceil(rect.height) };
}

/** The top of each cue: at the bottom of the picture, above the cues of lower lanes shown with it. */
function stack(cues, heights, style, unit, height) {
  const floor = Math.round(height * (1 - style.area.bottom));
  const gap = Math.round(style.area.lane_gap * unit);
  const tops = [];
  const order = cues.map((_, index) => index).sort((a, b) => cues[a].lane - cues[b].lane);
  for (const index of order) {
    const cue = cues[index];
    const below = cue.lane === 0 ? [] : cues.flatMap((other, otherIndex) =>
      other.lane < cue.lane && other.start_s < cue.end_s && cue.start_s < other.end_s ? [tops[otherIndex]] : []);
    tops[index] = Math.max(Math.min(floor, ...below.map((top) => top - gap)) - heights[index], 0);
  }
  return tops;
}

function place(element, size, top, width) {
  element.style.left = px(Math.round((width - size.width) / 2));
  element.style.top = px(top);
  element.style.width = px(size.width);
  element.style.height = px(size.height);
}

function measure({ element, words }, layer, animation, unit) {
  const origin = layer.getBoundingClientRect();
  const placed = words.map((word) => measureWord(word, origin, animation, unit));
  const box = grown(relative(element.getBoundingClientRect(), origin), SMOOTHING_PX);
  return { element, words: placed, extent: around([box, ...placed.map((word) => word.extent(1 + word.pop))]) };
}

function measureWord(element, origin, { pop, pop_reach: reach }, unit) {
  const rect = relative(element.getBoundingClientRect(), origin);
  const half = (rect.right - rect.left) / 2;
  return { element, pop: Math.min(pop, (reach * unit) / half), extent: inkOf(element, rect) };
}

function inkOf(element, rect) {
  const size = parseFloat(getComputedStyle(element).fontSize);
  const centre = (rect.left + rect.right) / 2;
  const baseline = (rect.top + rect.bottom) / 2 + BASELINE * size;
  const half = (rect.right - rect.left) / 2 + INK.side * size;
  return (scale) => grown({
    left: centre - half * scale,
    top: baseline - INK.up * size * scale,
    right: centre + half * scale,
    bottom: baseline + INK.down * size * scale,
  }, SMOOTHING_PX);
}

function relative(rect, origin) {
  return {
    left: rect.left - origin.left,
    top: rect.top - origin.top,
    right: rect.right - origin.left,
    bottom: rect.bottom - origin.top,
  };
}

function px(value) {
  return `${+value.toFixed(3)}px`;
}

function withAlpha(color, alpha) {
  return `rgba(${channels(color).join(", ")}, ${alpha})`;
}

/** Red, green and blue, 0..255, of a colour such as #ffd400. */
export function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}
