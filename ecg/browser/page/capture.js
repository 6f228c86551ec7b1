/**
 * The capture page: steps the caption player through frames and sends out what changed.
 *
 * It is told what to do over its WebSocket; see `ecg/browser/capture.py` for the other end.
 */
import { inside, joined } from "./boxes.js";
import { CanvasPicture, ScreenPicture } from "./picture.js";
import { Sink } from "./sink.js";

const query = new URLSearchParams(location.search);
const Picture = query.get("path") === "canvas" ? CanvasPicture : ScreenPicture;

const COLLECT_EVERY = 1000;

let picture;
let uncollected = 0;
/** One on each stage of the picture. */
let players = [];

const sink = new Sink(new URL(`sink/${query.get("sink")}`, location.href.replace(/^http/, "ws")), {
  /** Draw a block of known colours, to see whether its pixels arrive. */
  async probe({ width, height, colors }) {
    const block = new Picture(width, height);
    const [stage] = block.stages;
    block.crop({ x: 0, y: 0, width, height });
    colors.forEach((color, index) => {
      const bar = document.createElement("div");
      Object.assign(bar.style, {
        position: "absolute", top: "0", bottom: "0", background: color,
        left: `${(100 * index) / colors.length}%`, width: `${100 / colors.length}%`,
      });
      stage.append(bar);
    });
    const boxes = [[0, 0, width, height]];
    const [pixels] = await block.take([{ stage, boxes, bands: boxes }]);
    sink.send(0, boxes, pixels);
  },

  async ping() {
    sink.reply({});
  },

  async open({ scenario, characters, width, height }) {
    const { createPlayer } = await import("./player/player.js");
    picture?.remove();
    [picture, players] = [null, []];
    globalThis.gc();
    picture = new Picture(width, height);
    const others = picture.stages.slice(0, -1);
    const last = await createPlayer(picture.stages.at(-1), scenario, { width, height, characters, forgets: true });
    players = [...others.map((stage) => last.another(stage)), last];
    await document.fonts.ready;
    const { captureBox } = leader();
    picture.crop(captureBox);
    globalThis.gc(); // all cues were laid out once, and are again by an inventory
    sink.reply({ box: [captureBox.x, captureBox.y, captureBox.width, captureBox.height] });
  },

  /** What must be seen from `from_s` until before `to_s`, and why it could not be drawn in its own fonts, if so. */
  async inventory({ from_s, to_s }) {
    const { fontFault, blankOnes } = await import("./fonts.js"); // it needs a file of the player
    const cues = leader().mustShow(from_s, to_s);
    const words = cues.flatMap((cue) => cue.words);
    const family = leader().layer.style.fontFamily;
    const texts = words.map(({ text }) => text);
    const blank = blankOnes(family, texts);
    for (const word of words) word.blank = blank.has(word.text);
    sink.reply({ cues, font_fault: fontFault(family, texts.join(" ")) });
    globalThis.gc();
  },

  async frames({ range, first, count, fps: [numerator, denominator], ahead }) {
    sink.begin(range);
    let repeat = 0;
    let still_until_s = -Infinity;
    const shots = [];
    for (let frame = first; frame < first + count; frame += 1) {
      const t_s = (frame * denominator) / numerator;
      const boxes = t_s < still_until_s ? [] : seek(t_s, frame === first);
      if (t_s >= still_until_s) still_until_s = leader().nextChange(t_s);
      if (boxes.length === 0) {
        repeat += 1;
        continue;
      }
      shots.push({ t_s, repeat, boxes });
      repeat = 0;
      if (shots.length === players.length && !await send(shots.splice(0), range, ahead)) return;
    }
    if (shots.length > 0 && !await send(shots, range, ahead)) return;
    sink.send(repeat, [], []);
  },
});

/** The player that sees every frame, and so knows what changes from one to the next: the last one's. */
function leader() {
  return players.at(-1);
}

/** Draw frames and send them in their order; false when another range has begun. The leader is at the last. */
async function send(shots, range, ahead) {
  const used = players.length - shots.length;
  const pixels = await picture.take(shots.map(({ t_s, boxes }, n) => {
    const player = players[used + n];
    if (player !== leader()) player.seek(t_s);
    return { stage: picture.stages[used + n], boxes, bands: player.bands };
  }));
  collect(shots.length);
  for (const [n, { repeat, boxes }] of shots.entries()) {
    if (range !== sink.range) return false;
    sink.send(repeat, boxes, pixels[n]);
    if (!await sink.room(range, ahead)) return false;
  }
  return true;
}

/** Let go of the pixels that were sent, of which there would be hundreds of frames else; and now and then of all. */
function collect(frames) {
  uncollected += frames;
  const all = uncollected >= COLLECT_EVERY;
  globalThis.gc({ type: all ? "major" : "minor" });
  if (all) uncollected = 0;
}

/** The boxes to take after seeking; the whole picture when nothing is known of what came before. */
function seek(t_s, afresh) {
  const { captureBox } = leader();
  const { x, y, width, height } = captureBox;
  const whole = [[x, y, width, height]];
  const { changed, boxes } = leader().seek(t_s);
  if (afresh) return whole;
  if (!changed) return [];
  const stray = boxes.find((box) => !inside(box, captureBox));
  if (stray) throw new Error(`At ${t_s} s the player changed [${stray}], outside its capture box.`);
  return Picture.inParts ? joined(boxes) : whole;
}

addEventListener("error", (event) => sink.fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => sink.fail(event.reason));
