/** The speaker's colour runs along the word like a pen, and is through after `amount` of the time. */
export const sweep = {
  state: (share, amount) => ({ lit: amount > 0 ? Math.min(share / amount, 1) : 1 }),
};
