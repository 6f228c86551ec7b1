import { smooth } from "../easing.js";

const PEAK = 0.3;

/**
 * Light shines `amount` em out of the word in its speaker's colour, once, and is gone. One pulse takes a
 * third of a second at least, and a word has one onset: nothing flashes more than three times a second.
 */
export const glow = {
  least_s: 1 / 3,
  reach: (amount) => ({ light: amount }),
  state: (share) => ({ glow: share < PEAK ? smooth(share / PEAK) : smooth((1 - share) / (1 - PEAK)) }),
};
