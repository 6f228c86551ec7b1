import { settle } from "../easing.js";

/** The word stands `amount` em too low, and rises to its place. */
export const rise = {
  reach: (amount) => ({ down: amount }),
  state: (share, amount) => ({ y: amount * (1 - settle(share)) }),
};
