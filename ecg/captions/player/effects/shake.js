/** How often the word goes to and fro and up and down; no two of them in step. */
const SIDEWAYS = 4;
const UPRIGHT = 5;

/** The word trembles by at most `amount` em to each side, half of that up and down, and comes to rest. */
export const shake = {
  reach: (amount) => ({ side: amount, up: amount / 2, down: amount / 2 }),
  state(share, amount) {
    const left = amount * (1 - share);
    return {
      x: left * Math.sin(2 * Math.PI * SIDEWAYS * share),
      y: (left / 2) * Math.sin(2 * Math.PI * UPRIGHT * share),
    };
  },
};
