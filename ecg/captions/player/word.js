/** One word: its elements, how far its ink may reach, and how it is shown at a time. */
import { smooth } from "./easing.js";
import { REST, reachOf, stateAt } from "./effects.js";
import { around, grown } from "./geometry.js";

// Around a word's baseline, in em of its own size: where ink may be. The tallest are capitals with an accent (1.08
// em in Roboto Flex); CJK lies within. Sideways, the overhang of a letter beyond its advance.
const INK = { up: 1.15, down: 0.38, side: 0.12 };
// Letters without accents stay within less, in any weight and width of Roboto Flex: 0.90 em for a bracket, 0.24 for a $.
const PLAIN_INK = { up: 0.92, down: 0.26 };
const PLAIN = /^[\x20-\x7e‘’“”–—…]*$/;
const MARK = 0.25; // how much higher or lower each further accent of a letter stands: 1.35 em in all for Ǻ
/** No closer, in em of the word, may its letters be set: or they lie over one another, and leave its rectangle. */
export const TIGHTEST = -0.1;
const BASELINE = 0.34; // below the middle of the word's line, as in player.css
const EXACT_PX = 0.005; // less than the smallest part of a pixel that layouts know
const SMOOTHING_PX = 1.5; // antialiasing, and the rounding to whole pixels
const CORNER = 2; // how far an outline's pointed corners reach, in its own thickness
const BLUR = 1.5; // how far a shadow is seen, in radii of its blur
// Letters larger than 256 px are drawn as shapes; as high, none that is much wider than high reaches that.
const LARGE_PX = 128;
const BEARING = 0.04; // em of blank on either side of most letters: what words set solid have between them

/** The element of `word`, with `space` (in em of the line) before it. */
export function buildWord(word, space) {
  const element = document.createElement("span");
  element.className = "ecg-word";
  const text = word.text.normalize("NFC");
  element.append(...(isSwept(word) ? ["ecg-unlit", "ecg-lit"].map((name) => part(name, text)) : [text]));
  element.style.fontSize = `${word.size}em`;
  element.style.fontWeight = String(word.weight);
  element.style.fontStretch = `${word.width}%`;
  if (word.raised) element.style.top = em(-word.raised, word);
  if (word.spacing) element.style.letterSpacing = em(word.spacing, word);
  keepClear(element, word, space);
  return element;
}

function part(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

/** Room around the word for all it does, so that it meets neither its neighbours nor the line above. */
export function keepClear({ style }, word, space) {
  const { up, down } = reachOf(word.effects);
  const { raised, size } = word;
  const { before, after } = roomBeside(word);
  // The space is one of the line, not of the word: in em of the word it would grow with the word.
  style.marginInlineStart = em(space + before, word);
  if (after) style.marginInlineEnd = em(after, word);
  if (up || raised > 0) style.marginTop = em(up * size + Math.max(raised, 0), word);
  if (down || raised < 0) style.marginBottom = em(down * size + Math.max(-raised, 0), word);
}

/** What `word` needs before and after it, in em of the line. After its last letter there is no spacing. */
export function roomBeside({ effects, size, spacing }) {
  const side = reachOf(effects).side * size;
  return { before: side, after: side - spacing };
}

/** How far letters reach above and below the place that their line gives `word`, in em of the line. */
export function overhang(word, { line_height: lineHeight, outline = 0 }) {
  const { up, down } = inkOf(word);
  return {
    up: (up + outline - BASELINE - lineHeight / 2) * word.size,
    down: (down + outline + BASELINE - lineHeight / 2) * word.size,
  };
}

/** How far the word's letters may reach above and below its baseline, in em of the word. */
function inkOf({ text }) {
  if (PLAIN.test(text)) return PLAIN_INK;
  const more = MARK * Math.max(mostMarks(text.normalize("NFC")), mostMarks(text.normalize("NFD")) - 1, 0);
  return { up: INK.up + more, down: INK.down + more };
}

/** How many marks one letter has at most that are characters of their own. */
function mostMarks(text) {
  const piles = text.match(/\p{M}[\p{M}\p{Cf}]*/gu) ?? [];
  return Math.max(0, ...piles.map((pile) => pile.replace(/\p{Cf}/gu, "").length));
}

/** `value`, in em of the line, as CSS in em of the word. */
function em(value, word) {
  return `${(value / word.size).toFixed(4)}em`;
}

function isSwept(word) {
  return word.effects.some(({ name }) => name === "sweep");
}

/**
 * Measure the `words` of one line, as `{element, word}`, that are laid out; `origin` is the rectangle of the
 * layer. `reach`: how far, in pixels, a pop may widen a word to each side; `picture`, as `[width, height]`,
 * it never takes it out of. Adds to each word its `rect` and `effects` (as the word's, pops within their
 * room), `size` (px), `leftwards` (whether it is read from right to left), `edges` (where each letter ends,
 * if it is typed), `extent(state)`, which its ink may touch in that state, `most`, which it never leaves, and
 * `isShape`: whether its letters may be drawn as shapes, rather than as copies of pictures of them.
 */
export function measureLine(words, origin, reach, outline, picture) {
  const rects = words.map(({ element }) => relative(element.getBoundingClientRect(), origin));
  const sizes = words.map(({ element }) => parseFloat(getComputedStyle(element).fontSize));
  const sides = words.map(({ word }, index) => reachOf(word.effects).side * sizes[index]);
  const leftwards = getComputedStyle(words[0].element).direction === "rtl";
  const gap = (one, other) => (rects[one] && rects[other]
    ? between(rects[one], rects[other]) - sides[one] - sides[other] : Infinity);
  return words.map(({ element, word }, index) => {
    const size = sizes[index];
    const free = Math.max(Math.min(gap(index - 1, index), gap(index, index + 1)), 2 * BEARING * size);
    const widest = 1 + Math.min(reach, free / 2) / Math.max(halfWidth(rects[index]), EXACT_PX);
    const effects = withinRoom(word.effects, Math.min(widest, largestIn(picture, rects[index], size, word)));
    const edges = effects.some(({ name }) => name === "type") ? letterEdges(element, leftwards) : [];
    const ink = extentsOf(rects[index], size, { ...word, effects }, outline);
    return { element, word, effects, size, leftwards, rect: rects[index], edges, ...ink };
  });
}

/** The space between two words of a line, whichever of them is to the left. */
function between(one, other) {
  return Math.max(other.left - one.right, one.left - other.right);
}

/** With pops that make the word `scale` times as large at most, all together. */
function withinRoom(effects, scale) {
  const pops = effects.filter(({ name }) => name === "pop").length;
  const most = Math.max(scale, 1) ** (1 / Math.max(pops, 1)) - 1;
  return effects.map((effect) =>
    (effect.name === "pop" ? { ...effect, amount: Math.min(effect.amount, most) } : effect));
}

/** How many times as large the word at `rect` may become, doing what it does, in a picture of that size. */
function largestIn([width, height], rect, size, word) {
  const { up, down, side } = reachOf(word.effects);
  const ink = inkOf(word);
  const { centre, baseline } = middleOf(rect, size);
  return Math.min(
    (Math.min(centre, width - centre) - side * size) / Math.max(halfWidth(rect), EXACT_PX),
    (baseline - up * size) / Math.max(ink.up * size, baseline - rect.top, EXACT_PX),
    (height - baseline - down * size) / Math.max(ink.down * size, rect.bottom - baseline, EXACT_PX),
  );
}

/** The point that stays where it is when the word swells. */
function middleOf(rect, size) {
  return { centre: (rect.left + rect.right) / 2, baseline: (rect.top + rect.bottom) / 2 + BASELINE * size };
}

function halfWidth(rect) {
  return (rect.right - rect.left) / 2;
}

function extentsOf(rect, size, word, outline) {
  const { effects } = word;
  const { up, down, side, light } = reachOf(effects);
  const ink = inkOf(word);
  const { centre, baseline } = middleOf(rect, size);
  const half = halfWidth(rect) + INK.side * size;
  const extent = ({ scale, x, y, glow }) => grown({
    left: centre - half * scale + x * size,
    top: baseline - ink.up * size * scale + y * size,
    right: centre + half * scale + x * size,
    bottom: baseline + ink.down * size * scale + y * size,
  }, SMOOTHING_PX + (outline * CORNER + (glow > 0 ? light * BLUR : 0)) * size * scale);
  const scale = effects.reduce((most, { name, amount }) => (name === "pop" ? most * (1 + amount) : most), 1);
  const largest = { scale, glow: 1 };
  const all = around([extent({ ...largest, x: -side, y: -up }), extent({ ...largest, x: side, y: down })]);
  const most = grown(all, EXACT_PX); // sums made another way may differ in their last digits
  return { extent, most, isShape: light > 0 || size * scale > LARGE_PX };
}

/** Where each letter ends, in pixels from where the word begins; a letter is what a reader takes for one. */
function letterEdges(element, leftwards) {
  const node = (element.firstElementChild ?? element).firstChild;
  const whole = element.getBoundingClientRect();
  const range = document.createRange();
  range.setStart(node, 0);
  return [...new Intl.Segmenter().segment(node.data)].map(({ index, segment }) => {
    range.setEnd(node, index + segment.length);
    const shown = range.getBoundingClientRect();
    return leftwards ? whole.right - shown.left : shown.right - whole.left;
  });
}

function relative(rect, origin) {
  return {
    left: rect.left - origin.left,
    top: rect.top - origin.top,
    right: rect.right - origin.left,
    bottom: rect.bottom - origin.top,
  };
}

/** A word that was measured, and what it shows now. */
export class ShownWord {
  /** `colors(light)`: its colour, `light` 0..1 of the way from plain to its speaker's. */
  constructor(measured, animation, colors) {
    Object.assign(this, measured, { animation, colors });
    [this.unlit, this.lit] = this.element.children;
    this.light = reachOf(this.effects).light;
    this.at = this.extent(REST);
    this.shown = new Map();
  }

  /** Show it as at `t_s`; returns the rectangles that changed. */
  update(t_s) {
    const state = stateAt(this.effects, t_s, this.animation.pop_peak);
    const light = state.lit === null ? lightAt(t_s - this.word.lit_s, this.animation.light_s) : 0;
    const changed = this.#set(this.element, this.#look(state, light)) + this.#setParts(state);
    if (changed === 0) return [];
    const before = this.at;
    this.at = this.extent(state);
    return [before, this.at];
  }

  #look({ scale, x, y, opacity, typed, glow }, light) {
    return {
      color: light > 0 ? this.colors(light) : "",
      transform: transformOf(x, y, scale),
      opacity: opacity < 1 ? String(+opacity.toFixed(3)) : "",
      textShadow: glow > 0 ? `0 0 ${this.light}em ${this.colors(1, glow)}` : "",
      ...(typed < 1 && this.#typed(typed)),
    };
  }

  /** So many letters that the share `typed` of all is there. */
  #typed(typed) {
    const count = Math.floor(typed * this.edges.length + 1e-6);
    if (count === 0) return { visibility: "hidden" };
    const missing = this.edges.at(-1) - this.edges[count - 1];
    const [left, right] = this.leftwards ? [`${missing.toFixed(2)}px`, "-1em"] : ["-1em", `${missing.toFixed(2)}px`];
    return { clipPath: `inset(-1em ${right} -1em ${left})` };
  }

  /** A swept word has two parts, one over the other, which a line moving along the word tells apart. */
  #setParts({ lit }) {
    if (!this.lit) return 0;
    const width = this.rect.right - this.rect.left;
    // On whole pixels: what two clips cut within one would show through.
    const line = Math.round(this.rect.left + (this.leftwards ? 1 - lit : lit) * width) - this.rect.left;
    const clip = (left, right) => ({ clipPath: `inset(-1em ${right.toFixed(2)}px -1em ${left.toFixed(2)}px)` });
    const [none, all, far] = [{ visibility: "hidden" }, {}, -this.size];
    const [unlit, lighted] = lit <= 0 ? [all, none] : lit >= 1 ? [none, all]
      : this.leftwards ? [clip(far, width - line), clip(line, far)] : [clip(line, far), clip(far, width - line)];
    return this.#set(this.unlit, unlit) + this.#set(this.lit, { color: this.colors(1), ...lighted });
  }

  /** Give `element` these styles and no others of those that change; returns 1 where that changed any, else 0. */
  #set(element, look) {
    const before = this.shown.get(element) ?? {};
    if (CHANGING.every((property) => (look[property] ?? "") === (before[property] ?? ""))) return 0;
    // All off and on again: so the order of the declarations too is one of the time, not of what was before.
    for (const property of CHANGING) element.style[property] = "";
    for (const property of CHANGING) if (look[property]) element.style[property] = look[property];
    // Asked for first: what was not yet written out would come back, empty.
    if (!element.getAttribute("style")) element.removeAttribute("style");
    this.shown.set(element, look);
    return 1;
  }
}

const CHANGING = ["color", "transform", "opacity", "visibility", "clipPath", "textShadow"];

/** How far a word is on the way to its colour, `since_s` after it began. */
function lightAt(since_s, light_s) {
  if (since_s < 0) return 0;
  return light_s > 0 ? smooth(Math.min(since_s / light_s, 1)) : 1;
}

function transformOf(x, y, scale) {
  const [right, down, size] = [x, y, scale].map((value) => +value.toFixed(4));
  const moved = right || down ? [`translate(${right}em, ${down}em)`] : [];
  return [...moved, ...(size === 1 ? [] : [`scale(${size})`])].join(" ");
}
