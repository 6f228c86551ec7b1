/**
 * Whether text is drawn in the caption fonts at this moment: they may have been lost, or be others by the same name,
 * long after the player saw them loaded.
 */
import { ADVANCE_EM } from "./player/missing_glyph.js";

const MISSING = "ECG Missing Glyph"; // the player has added this font to the page
const NEEDS_NO_GLYPH = /[\s\p{Default_Ignorable_Code_Point}]/u;
const SHOWN_AT_MOST = 8;
/** The font in which every caption begins: how wide a line is, in em, by weight. All else is set as in the player. */
const MAIN = { family: "Roboto Flex Variable", text: "Hamburgefonstiv 0123", widths: { 400: 9.362, 900: 11.066 } };
const LIKE_CAPTIONS = 'position: fixed; visibility: hidden; white-space: pre; font-variation-settings: "opsz" 30; '
  + "font-synthesis: none; font-kerning: normal; text-rendering: geometricPrecision;";
const DEVIATION = 0.01;
const SIZE_PX = 100;

/** Why `text` would not be drawn in the fonts of `family`, a CSS list of them; `null` when it would. */
export function fontFault(family, text) {
  const pen = newPen();
  pen.font = `${SIZE_PX}px ${family}, "${MISSING}"`;
  const needed = [...new Set(text)].filter((char) => !NEEDS_NO_GLYPH.test(char));
  const lost = needed.filter((char) => pen.measureText(char).width >= SIZE_PX * (ADVANCE_EM - 1));
  if (lost.length > 0) return `The fonts of ${family} are not there for ${lost.slice(0, SHOWN_AT_MOST).join(" ")}`;
  return family.includes(MAIN.family) ? deviation() : null;
}

/** Those of `texts` that have glyphs, none of which leaves a trace; a Set. */
export function blankOnes(family, texts) {
  const pen = newPen();
  pen.font = `${SIZE_PX}px ${family}`;
  const isBlank = (text) => {
    const { actualBoundingBoxAscent: up, actualBoundingBoxDescent: down } = pen.measureText(text);
    return up + down <= 0;
  };
  return new Set([...new Set(texts)].filter(isBlank));
}

function deviation() {
  const line = document.createElement("span");
  line.textContent = MAIN.text;
  document.documentElement.append(line);
  try {
    for (const [weight, width] of Object.entries(MAIN.widths)) {
      line.style.cssText = `font: ${weight} ${SIZE_PX}px "${MAIN.family}"; ${LIKE_CAPTIONS}`;
      const measured = line.getBoundingClientRect().width / SIZE_PX;
      if (Math.abs(measured / width - 1) > DEVIATION) {
        return `${MAIN.family} is another font: a line is ${measured.toFixed(3)} em wide instead of ${width}`;
      }
    }
  } finally {
    line.remove();
  }
  return null;
}

/** A fresh one each time: no font that it found earlier is kept. */
function newPen() {
  return document.createElement("canvas").getContext("2d");
}
