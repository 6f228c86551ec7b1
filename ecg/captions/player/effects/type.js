/** The word's letters appear one after the other; with an `amount` below 1, only the last of them. */
export const type = {
  state: (share, amount) => ({ typed: 1 - amount * (1 - share) }),
};
