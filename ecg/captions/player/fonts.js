/**
 * Loads the fonts a text needs, and proves that they have a glyph for every character of it.
 *
 * Families are taken in order until no character is left over, so an English text loads Latin only.
 */
import { ADVANCE_EM, missingGlyphFace } from "./missing_glyph.js";

// "standard" has weight, width and optical size. In "wdth", smaller, the optical size is fixed at 14, where
// the width axis hardly moves.
const LATIN = { family: "Roboto Flex Variable", css: "roboto-flex/standard.css" };
const CJK = {
  kr: { family: "Noto Sans KR Variable", css: "noto-sans-kr/wght.css" },
  jp: { family: "Noto Sans JP Variable", css: "noto-sans-jp/wght.css" },
  sc: { family: "Noto Sans SC Variable", css: "noto-sans-sc/wght.css" },
  tc: { family: "Noto Sans TC Variable", css: "noto-sans-tc/wght.css" },
};
const MISSING = "ECG Missing Glyph";
// The line's strut. Were it in a font still to come, lines would change their height when it came.
const STRUT = " \u200b";
const NEEDS_NO_GLYPH = /[\s\p{Default_Ignorable_Code_Point}]/u;

const sheets = new Map();
let missingFace = null;

/**
 * Load what `text` in `language` (BCP 47) needs; resolves to the CSS `font-family` to set it in.
 * Rejects with an Error when a font cannot be loaded or has no glyph for a character.
 */
export async function loadFonts(text, language) {
  await loadMissingFace();
  let left = [...new Set(text)].filter((char) => !NEEDS_NO_GLYPH.test(char));
  const stack = [];
  for (const font of families(language)) {
    if (stack.length > 0 && left.length === 0) break;
    await loadFamily(font, left.join("") + (font === LATIN ? STRUT : ""));
    stack.push(font.family);
    left = left.filter((char) => lacksGlyph(stack, char));
  }
  if (left.length > 0) throw new Error(`No caption font has a glyph for ${describe(left)}.`);
  return quoted(stack);
}

/** Add a style sheet beside this module to the page, once; resolves when it applies. */
export function loadSheet(path) {
  const url = new URL(path, import.meta.url).href;
  if (!sheets.has(url)) {
    sheets.set(url, addSheet(url).catch((error) => {
      sheets.delete(url);
      throw error;
    }));
  }
  return sheets.get(url);
}

function addSheet(url) {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    link.onload = () => resolve();
    link.onerror = () => {
      link.remove();
      reject(new Error(`The style sheet ${url} could not be loaded. Run \`ecg setup\` to install the fonts.`));
    };
    document.head.append(link);
  });
}

async function loadFamily({ family, css }, text) {
  await loadSheet(`./fonts/@fontsource-variable/${css}`);
  let faces;
  try {
    faces = await document.fonts.load(`16px "${family}"`, text);
  } catch (error) {
    throw new Error(`The font ${family} could not be loaded: ${error.message}`);
  }
  const failed = faces.filter((face) => face.status !== "loaded");
  if (failed.length > 0) throw new Error(`The font ${family} could not be loaded (${failed[0].status}).`);
}

function loadMissingFace() {
  missingFace ??= missingGlyphFace(MISSING).load().then((face) => document.fonts.add(face));
  return missingFace;
}

function families(language) {
  const { kr, jp, sc, tc } = CJK;
  const tag = language.toLowerCase();
  if (tag.startsWith("ja")) return [LATIN, jp, sc, tc, kr];
  if (/^(zh-(hant|tw|hk|mo)|yue)/.test(tag)) return [LATIN, tc, sc, jp, kr];
  if (tag.startsWith("zh")) return [LATIN, sc, tc, jp, kr];
  return [LATIN, kr, jp, sc, tc];
}

const pen = document.createElement("canvas").getContext("2d");

function lacksGlyph(stack, char) {
  pen.font = `10px ${quoted([...stack, MISSING])}`;
  return pen.measureText(char).width >= 10 * (ADVANCE_EM - 1);
}

function quoted(stack) {
  return stack.map((family) => `"${family}"`).join(", ");
}

function describe(chars) {
  const shown = chars.slice(0, 8).map((char) => {
    const code = char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `${char} (U+${code})`;
  });
  return shown.join(", ") + (chars.length > shown.length ? ` and ${chars.length - shown.length} more` : "");
}
