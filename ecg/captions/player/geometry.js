/** Rectangles as {left, top, right, bottom}, in CSS pixels of the picture. */

/** The rectangle around all of `rects`; `null` around none. */
export function around(rects) {
  return rects.reduce((all, rect) => (all ? {
    left: Math.min(all.left, rect.left),
    top: Math.min(all.top, rect.top),
    right: Math.max(all.right, rect.right),
    bottom: Math.max(all.bottom, rect.bottom),
  } : rect), null);
}

/** `rect` with `by` more on every side. */
export function grown(rect, by) {
  return { left: rect.left - by, top: rect.top - by, right: rect.right + by, bottom: rect.bottom + by };
}

/** The smallest rectangle of whole pixels around `rect` inside a picture of `width` × `height`. */
export function toPixels(rect, width, height) {
  return {
    left: Math.max(Math.floor(rect.left), 0),
    top: Math.max(Math.floor(rect.top), 0),
    right: Math.min(Math.ceil(rect.right), width),
    bottom: Math.min(Math.ceil(rect.bottom), height),
  };
}

/**
 * Where to divide the line from `low` to `high`, whole numbers, into parts of about `step`: the ends of the parts, in
 * none of `whole` and in as few of `others` as can be; both are {top, bottom}.
 */
export function divided(low, high, step, whole, others) {
  const ends = [low];
  for (;;) {
    const from = ends.at(-1);
    const free = range(from + step / 2, high - step / 2).filter((at) => crossed(at, whole) === 0);
    if (free.length === 0) return [...ends, high];
    const cost = (at) => crossed(at, others) + Math.abs(at - from - step) / step;
    ends.push(free.reduce((best, at) => (cost(at) < cost(best) ? at : best)));
  }
}

function range(first, last) {
  return Array.from({ length: Math.max(Math.floor(last) - Math.ceil(first) + 1, 0) }, (_, n) => Math.ceil(first) + n);
}

/** How many of the spans have `at` inside. */
function crossed(at, spans) {
  return spans.filter(({ top, bottom }) => top < at && at < bottom).length;
}

/** The parts of the line from `low` to `high` that none of `spans`, as {top, bottom}, takes: [[from, to]]. */
export function freeBetween(spans, low, high) {
  const free = [];
  let from = low;
  for (const { top, bottom } of spans.toSorted((a, b) => a.top - b.top)) {
    if (top > from) free.push([from, Math.min(top, high)]);
    from = Math.max(from, bottom);
  }
  if (from < high) free.push([from, high]);
  return free.filter(([start, end]) => start < end);
}

/** The smallest box with even position and size around `rect` inside the picture; 2 × 2 for `null`. */
export function evenBox(rect, width, height) {
  const pixels = toPixels(rect ?? { left: 0, top: 0, right: 1, bottom: 1 }, width, height);
  const x = Math.min(even(pixels.left), even(width) - 2);
  const y = Math.min(even(pixels.top), even(height) - 2);
  return {
    x,
    y,
    width: Math.max(Math.min(even(pixels.right + 1), even(width)) - x, 2),
    height: Math.max(Math.min(even(pixels.bottom + 1), even(height)) - y, 2),
  };
}

/** The largest even number that is not above `value`. */
export function even(value) {
  return value - (value % 2);
}
