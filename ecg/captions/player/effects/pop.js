import { smooth } from "../easing.js";

/** The word swells by the share `amount`, at its largest after the share `peak` of the time, and back. */
export const pop = {
  state: (share, amount, peak) => ({ scale: 1 + amount * hill(share, peak) }),
};

function hill(share, peak) {
  return share < peak ? smooth(share / peak) : smooth((1 - share) / (1 - peak));
}
