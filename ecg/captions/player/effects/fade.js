import { smooth } from "../easing.js";

/** The word becomes visible: at first the share `amount` of it is missing. It never fades out again. */
export const fade = {
  state: (share, amount) => ({ opacity: 1 - amount * (1 - smooth(share)) }),
};
