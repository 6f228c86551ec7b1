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
const ARABIC = { family: "Noto Sans Arabic Variable", css: "noto-sans-arabic/wght.css" };
const HEBREW = { family: "Noto Sans Hebrew Variable", css: "noto-sans-hebrew/wght.css" };
const DEVANAGARI = { family: "Noto Sans Devanagari Variable", css: "noto-sans-devanagari/wght.css" };
const THAI = { family: "Noto Sans Thai Variable", css: "noto-sans-thai/wght.css" };
// Without colours of its own, so that it takes the speaker's.
const EMOJI = { family: "Noto Emoji Variable", css: "noto-emoji/wght.css" };
const SCRIPTS = { ar: ARABIC, fa: ARABIC, ur: ARABIC, he: HEBREW, yi: HEBREW, hi: DEVANAGARI, mr: DEVANAGARI,
  ne: DEVANAGARI, th: THAI };
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

/** All fonts, in the order in which a text in `language` is likely to need them. */
function families(language) {
  const tag = language.toLowerCase();
  const own = SCRIPTS[tag.split("-")[0]];
  const others = [...cjk(tag), ARABIC, HEBREW, DEVANAGARI, THAI, EMOJI].filter((font) => font !== own);
  return own ? [LATIN, own, ...others] : [LATIN, ...others];
}

function cjk(tag) {
  const { kr, jp, sc, tc } = CJK;
  if (tag.startsWith("ja")) return [jp, sc, tc, kr];
  if (/^(zh-(hant|tw|hk|mo)|yue)/.test(tag)) return [tc, sc, jp, kr];
  if (tag.startsWith("zh")) return [sc, tc, jp, kr];
  return [kr, jp, sc, tc];
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
