/**
 * What words do besides being there: each effect is a pure function of time in a module of its own.
 *
 * An effect has `state(share, amount, peak)`, what it does to the word after the `share` 0..1 of its
 * time; before it begins it is as at 0, after its end as at 1. `reach(amount)` says how far ink may leave the
 * word's place, in em of the word: `up`, `down`, `side`, and `light` all around. `least_s`: no shorter.
 */
import { fade } from "./effects/fade.js";
import { glow } from "./effects/glow.js";
import { pop } from "./effects/pop.js";
import { rise } from "./effects/rise.js";
import { shake } from "./effects/shake.js";
import { sweep } from "./effects/sweep.js";
import { type } from "./effects/type.js";
import { wave } from "./effects/wave.js";

const EFFECTS = { sweep, pop, rise, shake, type, fade, glow, wave };

/**
 * A word nothing happens to. `scale`: its size; `x`, `y`: em to the right and down; `opacity`; `typed`:
 * the share of its letters that are there; `glow`: how bright it shines, 0..1; `lit`: the share of its
 * length that a sweep has coloured, `null` without one.
 */
export const REST = { scale: 1, x: 0, y: 0, opacity: 1, typed: 1, glow: 0, lit: null };

/**
 * The effects that `word` of `cue` has, as it was written: `[{name, amount, start_s, end_s}]`.
 * `strength` 0..1 is the viewer's. Throws an Error at an effect that this player does not know.
 */
export function effectsOf(word, cue, style, strength) {
  const found = listed(style.animation)
    .filter(({ min_size: least = 0, max_size: most = Infinity }) => word.size >= least && word.size <= most)
    .map((effect) => started(effect, word, cue, strength));
  return found.filter(({ name, amount }) => (name === "sweep" ? style.text.tint * strength > 0 : amount > 0));
}

/** A style's own pop is one more effect. */
function listed({ pop: amount, pop_s: length_s, effects = [] }) {
  return amount > 0 && length_s > 0 ? [{ name: "pop", amount, length_s }, ...effects] : effects;
}

function started({ name, amount, length_s, at }, word, cue, strength) {
  if (!Object.hasOwn(EFFECTS, name)) throw new Error(`This player knows no effect called ${name}.`);
  const start_s = at === "cue" ? cue.start_s : word.start_s;
  const lasting_s = Math.max(length_s || word.end_s - word.start_s, EFFECTS[name].least_s ?? 0);
  return { name, amount: name === "sweep" ? amount : amount * strength, start_s, end_s: start_s + lasting_s };
}

/** What all of `effects` together make of a word at `t_s`: as `REST`. */
export function stateAt(effects, t_s, peak) {
  const state = { ...REST };
  for (const { name, amount, start_s, end_s } of effects) {
    // As a time of day, so short an effect may have no length left.
    const share = end_s > start_s ? Math.min(Math.max((t_s - start_s) / (end_s - start_s), 0), 1) : +(t_s >= start_s);
    join(state, EFFECTS[name].state(share, amount, peak));
  }
  return state;
}

function join(state, { scale = 1, x = 0, y = 0, opacity = 1, typed = 1, glow: shine = 0, lit = state.lit }) {
  state.scale *= scale;
  state.x += x;
  state.y += y;
  state.opacity *= opacity;
  state.typed = Math.min(state.typed, typed);
  state.glow = Math.max(state.glow, shine);
  state.lit = lit;
}

/** How far `effects` together may take ink from the word's place, in em of the word. */
export function reachOf(effects) {
  const total = { up: 0, down: 0, side: 0, light: 0 };
  for (const { name, amount } of effects) {
    for (const [way, em] of Object.entries(EFFECTS[name].reach?.(amount) ?? {})) total[way] += em;
  }
  return total;
}
