/**
 * Builds the captions' elements and sets them: every cue is measured once, by the browser itself, when it
 * is first asked for, and gets its place. Nothing of it changes with time.
 */
import { around, freeBetween, grown } from "./geometry.js";
import { buildWord, keepClear, measureLine, overhang, roomBeside } from "./word.js";

const SMOOTHING_PX = 1.5; // a rounded box bleeds a pixel beyond itself
const FIT = 0.998;
const EXACT_PX = 0.005; // less than a 64th, of which layouts are made; more than what floats are off by
// A text whose first letter is one of a script that is written from right to left.
const LEFTWARDS = /^\P{L}*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const PADDING = 0.25; // the share of the room there is that paddings take at most, on each side

/** Normal text size in a picture of `width` × `height` pixels. */
export function textSize(style, width, height) {
  return style.text.size * Math.min(height, style.text.tall * width);
}

export class Layout {
  /**
   * `timeline` is that of `scenario`; `makeLayer()` returns an empty layer such as the captions will be
   * in, of `width` × `height`; `unit`: the normal text size. `wraps`: whether lines that are too long
   * become several, where else they get a smaller font.
   */
  constructor(scenario, timeline, { width, height, unit, makeLayer, wraps }) {
    Object.assign(this, { scenario, timeline, width, height, unit, makeLayer, wraps });
    this.style = scenario.style;
    const { area, box } = this.style;
    const between = width * (1 - 2 * area.side);
    this.padding = {
      x: Math.min(box.padding_x * unit, PADDING * between),
      y: Math.min(box.padding_y * unit, PADDING * height),
    };
    this.room = between - 2 * this.padding.x;
    this.built = new Map();
    this.laid = new Map();
  }

  has(index) {
    return this.laid.has(index);
  }

  /**
   * Cue number `index`, which must be laid out: its `element`; its `words`, as `measureLine` returns
   * them; its `extent`, which it never leaves; and the rectangles in it that are `drawnAsShapes`.
   */
  at(index) {
    return this.laid.get(index);
  }

  /** Let go of cues that are not on screen. */
  forget(indices) {
    for (const index of indices) {
      this.laid.delete(index);
      this.built.delete(index);
    }
  }

  forgetAllBut(indices) {
    this.forget([...this.built.keys()].filter((index) => !indices.includes(index)));
  }

  /** Lay out the cues of these `indices` that are not yet, and those that they stand on. */
  ensure(indices) {
    const wanted = this.#withThoseBelow(indices);
    if (wanted.length === 0) return;
    const layer = this.#measuringLayer();
    this.#build(new Set([...wanted, ...wanted.flatMap((index) => this.timeline.beside(index))]), layer);
    layer.append(...wanted.map((index) => this.built.get(index).element));
    const shares = wanted.map((index) => this.#share(index));
    this.#shrink(wanted.map((index, at) => [this.built.get(index), shares[at].scale]));
    wanted.forEach((index, at) => this.#place(index, shares[at]));
    const origin = layer.getBoundingClientRect();
    for (const index of wanted) Object.assign(this.laid.get(index), this.#measure(this.built.get(index), origin));
    layer.remove();
  }

  /** In the order of their lanes, lowest first. */
  #withThoseBelow(indices) {
    const found = new Set();
    const add = (index) => {
      if (this.laid.has(index) || found.has(index)) return;
      found.add(index);
      this.timeline.below(index).forEach(add);
    };
    indices.forEach(add);
    const { cues } = this.scenario;
    return [...found].sort((a, b) => cues[a].lane - cues[b].lane || a - b);
  }

  /** Outside of all that scales or hides the captions on their page, so that pixels are the picture's. */
  #measuringLayer() {
    const layer = this.makeLayer();
    layer.style.position = "fixed";
    layer.style.visibility = "hidden";
    document.documentElement.append(layer);
    return layer;
  }

  /** Build the cues that are not yet, and measure each as it would be alone: `size`, and `whole`, its height. */
  #build(indices, layer) {
    const fresh = [...indices].filter((index) => !this.built.has(index));
    const built = fresh.map((index) => build(this.scenario.cues[index], this.style, this.unit, this.padding));
    layer.append(...built.map(({ element }) => element));
    this.#fit(built);
    for (const cue of built) {
      cue.size = sizeOf(cue, this.style.text);
      cue.whole = cue.size.above + cue.size.height + cue.size.below;
    }
    fresh.forEach((index, at) => this.built.set(index, built[at]));
  }

  /** Lines wider than there is room are divided at the word nearest their middle, or get a smaller font. */
  #fit(built) {
    let left = built.flatMap((cue) => cue.lines.map((line) => ({ cue, line })));
    while (left.length > 0) {
      const widths = left.map(({ line }) => contentWidth(line));
      left = left.flatMap(({ cue, line }, index) => {
        if (!(widths[index] > this.room)) return [];
        if (this.wraps && line.words.length > 1) return divide(line, cue).map((half) => ({ cue, line: half }));
        setSize(line, (line.size * this.room * FIT) / widths[index]);
        return [{ cue, line }];
      });
    }
  }

  /**
   * What cue number `index` gets of the picture's height, that all on screen with it at any time have room:
   * the `scale` by which it is shrunk, and the `floor`, in pixels, on which the lowest of them stands.
   */
  #share(index) {
    const { cues } = this.scenario;
    const { start_s } = cues[index];
    const coming = this.timeline.beside(index).map((other) => cues[other].start_s).filter((t_s) => t_s > start_s);
    let [most, count] = [0, 0];
    for (const t_s of [start_s, ...coming]) {
      const shown = this.timeline.activeAt(t_s);
      const needed = shown.reduce((sum, other) => sum + this.built.get(other).whole + this.#gap, -this.#gap);
      if (needed > most) [most, count] = [needed, shown.length];
    }
    const floor = Math.round(this.height * (1 - this.style.area.bottom));
    const whole = Math.max(this.height - count, this.height / 2); // heights are rounded up
    return {
      scale: most > this.height ? (whole * FIT) / most : 1,
      floor: Math.max(floor, Math.min(Math.ceil(most), this.height)),
    };
  }

  get #gap() {
    return Math.round(this.style.area.lane_gap * this.unit);
  }

  /** Make each of these `[cue, scale]` smaller as a whole. */
  #shrink(cues) {
    const smaller = cues.filter(([, scale]) => scale < 1);
    for (const [cue, scale] of smaller) {
      cue.scale *= scale;
      for (const line of cue.lines) setSize(line, line.size * scale);
      pad(cue, this.style.box, this.unit, this.padding);
    }
    for (const [cue] of smaller) cue.size = sizeOf(cue, this.style.text);
  }

  /** At the bottom of the picture, above the cues of lower lanes shown with it. */
  #place(index, { scale, floor }) {
    const cue = this.built.get(index);
    const gap = Math.floor(this.#gap * scale);
    const below = this.timeline.below(index).map((other) => this.laid.get(other));
    const taken = below.map(({ top, bottom }) => ({ top: top - gap, bottom: bottom + gap }));
    const [low, high] = [Math.ceil(cue.size.above), Math.floor(this.height - cue.size.below)];
    let top = Math.min(floor, high, ...taken.map((other) => other.top)) - cue.size.height;
    if (top < low) {
      const apart = freeBetween(taken, low, high);
      const free = apart.length > 0 ? apart : freeBetween(below, low, high); // close to others rather than over them
      top = this.#squeeze(cue, free, [low, high]);
    }
    const { element, size } = cue;
    element.style.left = px(Math.round((this.width - size.width) / 2));
    element.style.top = px(top);
    element.style.width = px(size.width);
    element.style.height = px(size.height);
    this.laid.set(index, { top, bottom: top + size.height });
  }

  /** The top of `cue` in the highest of the `free` parts of the picture that is tall enough, else in the tallest. */
  #squeeze(cue, free, whole) {
    const tall = ([from, to]) => to - from;
    const tallest = free.reduce((best, part) => (tall(part) > tall(best) ? part : best), free[0] ?? whole);
    const part = free.find((one) => tall(one) >= cue.size.height) ?? tallest;
    const room = Math.max(tall(part), 1);
    while (cue.size.height > room) this.#shrink([[cue, (room * FIT) / cue.size.height]]);
    return part[1] - cue.size.height;
  }

  #measure({ element, lines, scale }, origin) {
    const { animation, text } = this.style;
    const reach = animation.pop_reach * this.unit * scale;
    const picture = [this.width, this.height];
    const words = lines.flatMap((line) => measureLine(line.words, origin, reach, text.outline ?? 0, picture));
    const rect = element.getBoundingClientRect();
    const filled = {
      left: rect.left - origin.left,
      top: rect.top - origin.top,
      right: rect.right - origin.left,
      bottom: rect.bottom - origin.top,
    };
    const corners = cornersOf(filled, this.style.box.radius * this.unit * scale);
    const large = words.filter((word) => word.isShape).map((word) => word.most);
    const extent = around([grown(filled, SMOOTHING_PX), ...words.map((word) => word.most)]);
    return { element, words, extent, drawnAsShapes: [...corners, ...large] };
  }
}

/** The four squares in the corners of a rectangle, `side` long, with their smoothing. */
function cornersOf({ left, top, right, bottom }, side) {
  const across = [[left, left + side], [right - side, right]];
  const down = [[top, top + side], [bottom - side, bottom]];
  return across.flatMap(([from, to]) => down.map(([high, low]) => grown(
    { left: from, top: high, right: to, bottom: low }, SMOOTHING_PX,
  )));
}

function build(cue, style, unit, padding) {
  const element = document.createElement("div");
  element.className = "ecg-cue";
  element.style.color = withAlpha(style.text.color, style.text.opacity);
  if (LEFTWARDS.test(cue.words.map((word) => word.text).join(" "))) element.dir = "rtl";
  surround(element, style);
  const lines = cue.lines.map((indices) => buildLine(indices.map((index) => cue.words[index]), style, unit));
  element.append(...lines.map((line) => line.element));
  const built = { element, lines, scale: 1 };
  pad(built, style.box, unit, padding);
  return built;
}

function pad({ element, scale }, { radius }, unit, { x, y }) {
  element.style.padding = `${px(y * scale)} ${px(x * scale)}`;
  element.style.borderRadius = px(radius * unit * scale);
}

function setSize(line, size) {
  line.size = size;
  line.element.style.fontSize = px(size);
}

/** What the letters are read against: a box, or an outline in its colour. */
function surround(element, { box, text }) {
  const color = withAlpha(box.color, box.opacity);
  if (!text.outline) {
    element.style.backgroundColor = color;
    return;
  }
  element.classList.add("ecg-outlined");
  element.style.setProperty("--ecg-outline", `${2 * text.outline}em`); // a stroke is half inside the letter
  element.style.setProperty("--ecg-outline-color", color);
}

function buildLine(words, style, unit) {
  const element = document.createElement("div");
  element.className = "ecg-line";
  element.style.lineHeight = String(style.text.line_height);
  const line = { element, words: [] };
  setSize(line, unit);
  words.forEach((word, position) => {
    const built = buildWord(word, position > 0 ? spaceBefore(word, style) : 0);
    line.words.push({ element: built, word });
    element.append(built);
  });
  return line;
}

/** In em of the line. Outlines of words that are set solid would run into the letters next to them. */
function spaceBefore(word, { text }) {
  return word.glued ? (text.outline ?? 0) * word.size : text.word_space;
}

/** Make of `line` two, as nearly of one width as words allow; returns both. */
function divide(line, cue) {
  const element = line.element.cloneNode(false);
  const at = middle(line);
  const half = { element, words: line.words.splice(at), size: line.size };
  element.append(...half.words.map((word) => word.element));
  keepClear(half.words[0].element, half.words[0].word, 0);
  line.element.after(element);
  cue.lines.splice(cue.lines.indexOf(line) + 1, 0, half);
  return [line, half];
}

/** The index of the word before which `line` is best divided. */
function middle({ element, words }) {
  const { left, right } = element.getBoundingClientRect();
  const start = getComputedStyle(element).direction === "rtl" ? "right" : "left";
  const offset = ({ element: word }) => Math.abs(word.getBoundingClientRect()[start] - (left + right) / 2);
  const offsets = words.map(offset);
  const starts = words.map((_, index) => index).slice(1);
  const open = starts.filter((index) => !words[index].word.glued);
  return (open.length > 0 ? open : starts).reduce((best, index) => (offsets[index] < offsets[best] ? index : best));
}

/** In pixels, with the room that the words at both ends need. */
function contentWidth({ words, size }) {
  const [first, last] = [words[0], words.at(-1)];
  const ends = [first, last].map(({ element }) => element.getBoundingClientRect());
  const [lefts, rights] = [ends.map(({ left }) => left), ends.map(({ right }) => right)];
  const room = roomBeside(first.word).before + roomBeside(last.word).after;
  return Math.max(...rights) - Math.min(...lefts) + room * size;
}

/** The size of a cue in whole pixels, and how far letters may reach `above` and `below` it, in pixels. */
function sizeOf({ element, lines }, text) {
  const rect = element.getBoundingClientRect();
  let [above, below] = [0, 0];
  for (const line of lines) {
    const { top, bottom } = line.element.getBoundingClientRect();
    const over = line.words.map(({ word }) => overhang(word, text));
    above = Math.max(above, rect.top - top + line.size * Math.max(...over.map(({ up }) => up)));
    below = Math.max(below, bottom - rect.bottom + line.size * Math.max(...over.map(({ down }) => down)));
  }
  return { width: Math.ceil(rect.width - EXACT_PX), height: Math.ceil(rect.height - EXACT_PX), above, below };
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
