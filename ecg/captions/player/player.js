/**
 * The caption player: draws a scenario's captions, and nothing else, as a pure function of time.
 *
 * The preview page and the render worker run this same code. Text reaches the page as text nodes only.
 */
import { effectsOf, REST } from "./effects.js";
import { loadFonts, loadSheet } from "./fonts.js";
import { around, divided, even, evenBox, toPixels } from "./geometry.js";
import { channels, Layout, textSize } from "./layout.js";
import { Timeline } from "./timing.js";
import { ShownWord, TIGHTEST } from "./word.js";

const VERSION = 1;
/** Cues are laid out so long before they come, one at a time; many at once only after a jump. */
const AHEAD_S = 10;
const AT_A_JUMP = 6;
/** Where all are to be told of. */
const LAID_OUT_AT_ONCE = 16;
const BAND_PX = 96;

/**
 * Build a player inside `root`, a positioned element in the document.
 *
 * `width` × `height`: size of the picture in CSS pixels. `strength`: 0 (plain captions) to 1 (as the
 * scenario says). `size`: times the scenario's text size; lines that become too long are broken again.
 * `reducedMotion`: words change colour at once, and nothing moves. `characters`: more that its fonts must have, where
 * the scenario is part of a longer one and is to look the same. `forgets`: cues that have gone take no memory, and
 * are laid out again if they are sought.
 * Rejects with an Error when a font cannot be loaded or has no glyph for a character of the text.
 */
export async function createPlayer(root, scenario, {
  width, height, strength = 1, size = 1, reducedMotion = false, characters = "", forgets = false,
}) {
  if (scenario.version !== VERSION) {
    throw new Error(`This player shows scenarios of version ${VERSION}, not ${scenario.version}.`);
  }
  const shown = adjusted(scenario, { strength, size, reducedMotion });
  const texts = scenario.cues.flatMap((cue) => cue.words.map((word) => word.text));
  const text = [...texts, characters].join(" ").normalize("NFC");
  const [family] = await Promise.all([loadFonts(text, scenario.language), loadSheet("./player.css")]);
  return new Player(root, shown, { width, height, family, wraps: size > 1, forgets });
}

class Player {
  constructor(root, scenario, look, timeline = new Timeline(scenario.cues)) {
    const { width, height, family, wraps, forgets } = look;
    if (!root.isConnected) throw new Error("The player's root must be in the document.");
    // A render takes boxes of even position and size: in an odd last row or column it would miss what is there.
    this.size = [even(width), even(height)];
    const makeLayer = () => createLayer(scenario.language, family, this.size);
    this.scenario = scenario;
    this.layer = makeLayer();
    root.append(this.layer);
    this.look = look;
    this.timeline = timeline;
    const unit = textSize(scenario.style, width, height);
    const [evenWidth, evenHeight] = this.size;
    this.layout = new Layout(scenario, this.timeline, {
      width: evenWidth, height: evenHeight, unit, makeLayer, wraps,
    });
    this.cues = new Map();
    this.onScreen = [];
    this.bandsNow = null;
    this.forgets = forgets;
  }

  /** One more that shows the same, in another place; they share what never changes. */
  another(root) {
    return new Player(root, this.scenario, this.look, this.timeline);
  }

  /**
   * The smallest box that holds all that is ever drawn, with even position and size. The first time it
   * is asked for, every cue of the scenario is laid out; showing captions does not need it.
   */
  get captureBox() {
    this.box ??= this.#boxOfAll();
    return this.box;
  }

  #boxOfAll() {
    const all = this.scenario.cues.map((_, index) => index);
    return evenBox(around(this.#ofEach(all, (index) => this.layout.at(index).extent)), ...this.size);
  }

  /** What `told(index)` tells of each of these cues, which are laid out a few at a time. */
  #ofEach(indices, told) {
    const answers = [];
    for (let first = 0; first < indices.length; first += LAID_OUT_AT_ONCE) {
      const some = indices.slice(first, first + LAID_OUT_AT_ONCE);
      this.layout.ensure(some);
      answers.push(...some.map(told));
      if (this.forgets) this.layout.forgetAllBut(this.onScreen);
    }
    return answers;
  }

  /** Show the captions as they are at `t_s`; says what that changed, in whole pixels. */
  seek(t_s) {
    const wanted = this.timeline.activeAt(t_s);
    this.#prepare(wanted, t_s);
    const gone = this.onScreen.filter((index) => !wanted.includes(index));
    const come = wanted.filter((index) => !this.onScreen.includes(index));
    for (const index of gone) this.#cue(index).element.remove();
    const moved = wanted.flatMap((index) => this.#cue(index).update(t_s));
    if (come.length > 0) this.#attach(wanted);
    this.onScreen = wanted;
    const others = gone.length > 0 || come.length > 0;
    if (others) this.bandsNow = null;
    const boxes = this.#boxes(others ? [...gone, ...wanted].map((index) => this.#cue(index).extent) : moved);
    if (this.forgets) this.#forget(gone);
    return { changed: boxes.length > 0, boxes };
  }

  /** The smallest time after `t_s` from which `seek` may show something else than at `t_s`. */
  nextChange(t_s) {
    return this.timeline.nextChange(t_s);
  }

  /**
   * All that is on screen, in bands one above the other that may be drawn one by one, such as its lines. While the same
   * cues are there these are the same, and no shape lies in more than one: it would look a little different.
   */
  get bands() {
    this.bandsNow ??= this.#bands();
    return this.bandsNow;
  }

  #bands() {
    const cues = this.onScreen.map((index) => this.layout.at(index));
    const [whole] = this.#boxes(cues.length > 0 ? [around(cues.map((cue) => cue.extent))] : []);
    if (!whole) return [];
    const [x, y, width, height] = whole;
    const shapes = cues.flatMap((cue) => cue.drawnAsShapes);
    const words = cues.flatMap((cue) => cue.words.map((word) => word.extent(REST)));
    const ends = divided(y, y + height, BAND_PX, shapes, words);
    return ends.slice(1).map((end, index) => [x, ends[index], width, end - ends[index]]);
  }

  /** What is on screen at `t_s`, as plain text: `[{speaker, text}]`. */
  textAt(t_s) {
    return this.timeline.activeAt(t_s).map((index) => {
      const { speaker, words } = this.scenario.cues[index];
      const text = words.map((word, at) => (at === 0 || word.glued ? word.text : ` ${word.text}`)).join("");
      return { speaker: this.scenario.speakers[speaker].name ?? null, text };
    });
  }

  /**
   * What must be seen from `from_s` until before `to_s`, told without a look at what is drawn: the cues, each
   * with its `extent`, which it never leaves, and its words. A word has its place at rest as `rect`; `there_s`, from
   * when nothing moves or hides it; `lit_s` and `done_s`, between which it takes its colour. Boxes are
   * `[x, y, width, height]` in whole pixels, `null` outside the picture.
   */
  mustShow(from_s, to_s) {
    const { cues } = this.scenario;
    const indices = cues.map((_, index) => index)
      .filter((index) => cues[index].start_s < to_s && cues[index].end_s > from_s);
    return this.#ofEach(indices, (index) => this.#claimOf(cues[index], this.layout.at(index)));
  }

  #claimOf({ id, start_s, end_s }, { extent, words }) {
    const { light_s } = this.scenario.style.animation;
    const box = (rect) => this.#boxes([rect])[0] ?? null;
    const claims = words.map(({ word, effects, rect }) => ({
      text: word.text.normalize("NFC"), rect: box(rect), ...timesOf(word, effects, start_s, light_s),
    }));
    return { id, start_s, end_s, extent: box(extent), words: claims };
  }

  destroy() {
    this.layer.remove();
  }

  /** Lay out what is on screen, and some of what comes next: no more than a frame has time for. */
  #prepare(wanted, t_s) {
    const jumped = wanted.some((index) => !this.layout.has(index));
    const coming = this.timeline.comingIn(t_s, t_s + AHEAD_S).filter((index) => !this.layout.has(index));
    this.layout.ensure([...wanted, ...coming.slice(0, jumped ? AT_A_JUMP : 1)]);
  }

  #cue(index) {
    if (!this.cues.has(index)) {
      this.cues.set(index, new ShownCue(this.scenario.cues[index], this.layout.at(index), this.scenario));
    }
    return this.cues.get(index);
  }

  #forget(gone) {
    for (const index of gone) this.cues.delete(index);
    this.layout.forget(gone);
  }

  /** Put the cues on screen in their order, without touching those that are there already. */
  #attach(wanted) {
    wanted.forEach((index, position) => {
      const { element } = this.#cue(index);
      if (this.layer.children[position] !== element) {
        this.layer.insertBefore(element, this.layer.children[position] ?? null);
      }
    });
  }

  #boxes(rects) {
    return rects
      .map((rect) => toPixels(rect, ...this.size))
      .filter((rect) => rect.right > rect.left && rect.bottom > rect.top)
      .map((rect) => [rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top]);
  }
}

/** A cue's elements, and what they show now. */
class ShownCue {
  constructor(cue, { element, words, extent }, { style, speakers }) {
    this.element = element;
    this.extent = extent;
    const colors = blend(style.text, speakers[cue.speaker].color);
    this.words = words.map((word) => new ShownWord(word, style.animation, colors));
  }

  /** Show the words as at `t_s`; returns the rectangles that changed. */
  update(t_s) {
    return this.words.flatMap((word) => word.update(t_s));
  }
}

/** When a word is where it belongs, and when it begins and ends to take its colour. */
function timesOf({ lit_s }, effects, come_s, light_s) {
  const moving = effects.filter(({ name }) => !["sweep", "glow", "pop"].includes(name));
  const sweep = effects.find(({ name }) => name === "sweep");
  const lit = sweep ? { lit_s: sweep.start_s, done_s: sweep.end_s } : { lit_s, done_s: lit_s + light_s };
  return { there_s: Math.max(come_s, ...moving.map(({ end_s }) => end_s)), ...lit };
}

/** The colour of a word that is `light` of the way from plain to its speaker's colour; `part` 0..1 of it. */
function blend(text, speakerColor) {
  const from = [...channels(text.color), text.opacity];
  const to = [...channels(speakerColor), 1];
  return (light, part = 1) => {
    const share = light * text.tint;
    const [red, green, blue, alpha] = from.map((value, index) => value + (to[index] - value) * share);
    return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${+(alpha * part).toFixed(3)})`;
  };
}

function createLayer(language, family, [width, height]) {
  const layer = document.createElement("div");
  layer.className = "ecg-captions";
  layer.lang = language;
  layer.style.fontFamily = family;
  layer.style.width = `${width}px`;
  layer.style.height = `${height}px`;
  return layer;
}

/**
 * The scenario as the viewer wants it. Its words get `effects`, as `effectsOf` returns them, `lit_s`, when
 * they begin to take their colour, and `spans`, the times in which they change.
 */
function adjusted(scenario, { strength, size: times, reducedMotion }) {
  const { style } = scenario;
  const light_s = reducedMotion ? 0 : style.animation.light_s;
  const towards = (axis, value) => axis.rest + (value - axis.rest) * strength;
  const word = (cue) => (written) => {
    const plain = { ...PLAIN, ...written };
    const effects = reducedMotion ? [] : effectsOf(plain, cue, style, strength);
    const size = towards(style.size, plain.size);
    const lit_s = style.animation.light_at === "cue" ? cue.start_s : plain.start_s;
    return {
      ...plain,
      size,
      weight: towards(style.weight, plain.weight),
      width: towards(style.width, plain.width),
      raised: towards(style.raised ?? LEVEL, plain.raised),
      spacing: Math.max(towards(style.spacing ?? LEVEL, plain.spacing), TIGHTEST * size),
      effects,
      lit_s,
      spans: [[lit_s, lit_s + light_s], ...effects.map(({ start_s, end_s }) => [start_s, end_s])],
    };
  };
  return {
    ...scenario,
    cues: scenario.cues.map((cue) => ({ ...cue, words: cue.words.map(word(cue)) })),
    style: {
      ...style,
      text: { ...style.text, size: style.text.size * times, tint: style.text.tint * strength },
      animation: { ...style.animation, light_s },
    },
  };
}

// What a scenario may leave out.
const PLAIN = { size: 1, weight: 400, width: 100, raised: 0, spacing: 0, glued: false };
const LEVEL = { rest: 0 };
