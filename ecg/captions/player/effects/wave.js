/** The word lifts by `amount` em and sinks back; word after word, a wave runs along the line. */
export const wave = {
  reach: (amount) => ({ up: amount }),
  state: (share, amount) => ({ y: -amount * Math.sin(Math.PI * share) ** 2 }),
};
