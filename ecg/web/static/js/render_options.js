/** What a render may be asked for: size, how the picture meets it, frame rate, quality, kind of file. */
import { h } from "./dom.js";
import { t } from "./i18n.js";

const RATES = [24, 25, 30, 60];
const QUALITIES = [60, 80, 95];
const LAYOUTS = ["fit", "fill", "blur"];
const FILES = {
  mp4: { format: "mp4", overlay: false },
  webm: { format: "webm", overlay: false },
  mov: { format: "mov", overlay: false },
  "overlay-mov": { format: "mov", overlay: true },
  "overlay-webm": { format: "webm", overlay: true },
};

/** `picture`: `{width, height}` of the preview. Returns the `element` and `options()` as the API takes them. */
export function renderOptions(picture) {
  const sizes = sizesFor(picture);
  const size = select("size", sizes.map(({ key, width, height }) =>
    [key, t(`render.size.${key}`, { width: width ?? picture.width, height: height ?? picture.height })]), "source");
  const rate = select("fps",
    [["source", t("render.fps.source")], ...RATES.map((fps) => [fps, t("render.fps.value", { fps })])], "source");
  const quality = select("quality", QUALITIES.map((value) => [value, t(`render.quality.${value}`)]), "80");
  const layout = select("layout", LAYOUTS.map((name) => [name, t(`render.layout.${name}`)]), "fit");
  const file = select("file", Object.keys(FILES).map((name) => [name, t(`render.file.${name}`)]), "mp4");
  const layoutField = field(t("render.layout"), layout);
  // Bars or edges there are only where the picture gets another shape.
  const adapt = () => { layoutField.hidden = !["vertical", "square"].includes(size.value); };
  size.addEventListener("change", adapt);
  adapt();
  const options = () => {
    const { width, height } = sizes.find(({ key }) => key === size.value);
    const fps = rate.value === "source" ? null : Number(rate.value);
    return { width, height, fps, layout: layout.value, quality: Number(quality.value), ...FILES[file.value] };
  };
  const element = h("div.render-options", {}, field(t("render.size"), size), layoutField,
    h("div.pair", {}, field(t("render.fps"), rate), field(t("render.quality"), quality)),
    field(t("render.file"), file));
  return { element, options };
}

function field(label, control) {
  return h("label.field", {}, h("span.field-label", {}, label), control);
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
