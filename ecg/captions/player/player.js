/**
 * The caption player: draws a scenario's captions, and nothing else, as a pure function of time.
 *
 * The preview page and the render worker run this same code. Text reaches the page as text nodes only.
 */
import { loadFonts, loadSheet } from "./fonts.js";
import { around, evenBox, toPixels } from "./geometry.js";
import { channels, layOut } from "./layout.js";
import { Timeline, wordState } from "./timing.js";

const VERSION = 1;

/**
 * Build a player inside `root`, a positioned element in the document.
 *
 * `width` × `height`: size of the picture in CSS pixels. `strength`: 0 (plain captions) to 1 (as the
 * scenario says). `reducedMotion`: words change colour at once and do not pop.
 * Rejects with an Error when a font cannot be loaded or has no glyph for a character of the text.
 */
export async function createPlayer(root, scenario, { width, height, strength = 1, reducedMotion = false }) {
  if (scenario.version !== VERSION) {
    throw new Error(`This player shows scenarios of version ${VERSION}, not ${scenario.version}.`);
  }
  const text = scenario.cues.flatMap((cue) => cue.words.map((word) => word.text)).join(" ").normalize("NFC");
  const [family] = await Promise.all([loadFonts(text, scenario.language), loadSheet("./player.css")]);
  const shown = adjusted(scenario, strength, reducedMotion);
  return new Player(root, shown, { width, height, family });
}

class Player {
  constructor(root, scenario, { width, height, family }) {
    const { animation } = scenario.style;
    this.size = [width, height];
    this.animation = animation;
    this.layer = createLayer(root, scenario.language, family, this.size);
    const laid = layOut(this.layer, scenario, { width, height });
    this.cues = scenario.cues.map((cue, index) => new ShownCue(cue, laid[index], scenario));
    this.timeline = new Timeline(scenario.cues, animation);
    this.captureBox = evenBox(around(laid.map((cue) => cue.extent)), width, height);
    this.onScreen = [];
  }

  /** Show the captions as they are at `t_s`; says what that changed, in whole pixels. */
  seek(t_s) {
    const wanted = this.timeline.activeAt(t_s);
    const gone = this.onScreen.filter((index) => !wanted.includes(index));
    const come = wanted.filter((index) => !this.onScreen.includes(index));
    const rects = [...gone, ...come].map((index) => this.cues[index].extent);
    for (const index of gone) this.cues[index].element.remove();
    for (const index of wanted) {
      const moved = this.cues[index].update(t_s, this.animation);
      if (!come.includes(index)) rects.push(...moved);
    }
    if (come.length > 0) this.#attach(wanted);
    this.onScreen = wanted;
    const boxes = this.#boxes(rects);
    return { changed: boxes.length > 0, boxes };
  }

  /** The smallest time after `t_s` from which `seek` may show something else than at `t_s`. */
  nextChange(t_s) {
    return this.timeline.nextChange(t_s);
  }

  destroy() {
    this.layer.remove();
  }

  /** Put the cues on screen in their order, without touching those that are there already. */
  #attach(wanted) {
    wanted.forEach((index, position) => {
      const { element } = this.cues[index];
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
    this.words = words.map((word, index) => new ShownWord(cue.words[index].start_s, word, colors));
  }

  /** Show the words as at `t_s`; returns the rectangles that changed. */
  update(t_s, animation) {
    return this.words.flatMap((word) => word.update(t_s, animation));
  }
}

class ShownWord {
  constructor(start_s, { element, pop, extent }, colors) {
    this.start_s = start_s;
    this.element = element;
    this.pop = pop;
    this.extent = extent;
    this.colors = colors;
    this.color = "";
    this.scale = "1";
  }

  update(t_s, animation) {
    const state = wordState(t_s - this.start_s, animation);
    const color = state.light > 0 ? this.colors(state.light) : "";
    const scale = String(+(1 + this.pop * state.swell).toFixed(4));
    if (color === this.color && scale === this.scale) return [];
    const largest = Math.max(Number(scale), Number(this.scale));
    if (color !== this.color) this.element.style.color = color;
    if (scale !== this.scale) this.element.style.transform = scale === "1" ? "" : `scale(${scale})`;
    [this.color, this.scale] = [color, scale];
    return [this.extent(largest)];
  }
}

/** The colour of a word that is `light` of the way from plain to its speaker's colour. */
function blend(text, speakerColor) {
  const from = [...channels(text.color), text.opacity];
  const to = [...channels(speakerColor), 1];
  return (light) => {
    const share = light * text.tint;
    const [red, green, blue, alpha] = from.map((value, index) => value + (to[index] - value) * share);
    return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${+alpha.toFixed(3)})`;
  };
}

function createLayer(root, language, family, [width, height]) {
  if (!root.isConnected) throw new Error("The player's root must be in the document.");
  const layer = document.createElement("div");
  layer.className = "ecg-captions";
  layer.lang = language;
  layer.style.fontFamily = family;
  layer.style.width = `${width}px`;
  layer.style.height = `${height}px`;
  root.append(layer);
  return layer;
}

/** The scenario with its expression scaled by `strength`, and still if `reducedMotion`. */
function adjusted(scenario, strength, reducedMotion) {
  const { style } = scenario;
  const towards = (axis, value) => axis.rest + (value - axis.rest) * strength;
  const word = (plain) => ({
    ...plain,
    size: towards(style.size, plain.size),
    weight: towards(style.weight, plain.weight),
    width: towards(style.width, plain.width),
  });
  const still = reducedMotion ? { light_s: 0, pop: 0, pop_s: 0 } : {};
  return {
    ...scenario,
    cues: scenario.cues.map((cue) => ({ ...cue, words: cue.words.map(word) })),
    style: {
      ...style,
      text: { ...style.text, tint: style.text.tint * strength },
      animation: { ...style.animation, pop: style.animation.pop * strength, ...still },
    },
  };
}
