/** The speakers' colours, made for captions on black, on the page's own surfaces. */

const LEAST_CONTRAST = 4.5; // WCAG 2.2 AA for text
const STEP = 0.04;

const dark = matchMedia("(prefers-color-scheme: dark)");
// The surface that text stands on, as in app.css.
const SURFACES = { light: [255, 255, 255], dark: [23, 24, 28] };

/** `color` (`#rrggbb`), moved towards black or white until it can be read on the page's surface. */
export function readable(color) {
  const surface = dark.matches ? SURFACES.dark : SURFACES.light;
  const goal = dark.matches ? 255 : 0;
  const from = channels(color);
  for (let share = 0; share < 1; share += STEP) {
    const mixed = from.map((value) => Math.round(value + (goal - value) * share));
    if (contrast(mixed, surface) >= LEAST_CONTRAST) return `rgb(${mixed.join(" ")})`;
  }
  return `rgb(${goal} ${goal} ${goal})`;
}

/** Call `listener` when the page turns light or dark. Returns how to stop it. */
export function onScheme(listener) {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function contrast(first, second) {
  const [darker, lighter] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Relative luminance, 0..1 (WCAG 2.2). */
function luminance(rgb) {
  const [red, green, blue] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
