/** What a render may be asked for: size, frame rate, quality. */
import { h } from "./dom.js";
import { t } from "./i18n.js";

const RATES = [24, 25, 30, 60];
const QUALITIES = [60, 80, 95];

/** `picture`: `{width, height}` of the preview. Returns the `element` and `options()` as the API takes them. */
export function renderOptions(picture) {
  const sizes = sizesFor(picture);
  const size = select("size", sizes.map(({ key, width, height }) =>
    [key, t(`render.size.${key}`, { width: width ?? picture.width, height: height ?? picture.height })]), "source");
  const rate = select("fps",
    [["source", t("render.fps.source")], ...RATES.map((fps) => [fps, t("render.fps.value", { fps })])], "source");
  const quality = select("quality", QUALITIES.map((value) => [value, t(`render.quality.${value}`)]), "80");
  const options = () => {
    const { width, height } = sizes.find(({ key }) => key === size.value);
    const fps = rate.value === "source" ? null : Number(rate.value);
    return { width, height, fps, quality: Number(quality.value), format: "mp4" };
  };
  const field = (label, control) => h("label.field", {}, h("span.field-label", {}, label), control);
  const element = h("div.render-options", {}, field(t("render.size"), size),
    h("div.pair", {}, field(t("render.fps"), rate), field(t("render.quality"), quality)));
  return { element, options };
}

/** The source's own size (null: as it is), the common heights in its shape, and two shapes for phones. */
function sizesFor({ width, height }) {
  const scaled = (lines) => {
    const scale = lines / Math.min(width, height);
    return { width: even(width * scale), height: even(height * scale) };
  };
  return [
    { key: "source", width: null, height: null },
    { key: "1080", ...scaled(1080) },
    { key: "720", ...scaled(720) },
    { key: "vertical", width: 1080, height: 1920 },
    { key: "square", width: 1080, height: 1080 },
  ];
}

/** The video formats in use want even sides. */
function even(value) {
  return 2 * Math.round(value / 2);
}

function select(name, choices, chosen) {
  const element = h("select", { name }, choices.map(([value, label]) => h("option", { value }, label)));
  element.value = chosen;
  return element;
}
