/** How a share 0..1 of the time becomes a share 0..1 of the way. */

/** Starts and ends gently. */
export function smooth(share) {
  return share * share * (3 - 2 * share);
}

/** Starts fast and comes to rest. */
export function settle(share) {
  return 1 - (1 - share) ** 3;
}
