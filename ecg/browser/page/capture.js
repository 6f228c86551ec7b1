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

let picture;
let player;

const sink = new Sink(new URL(`sink/${query.get("sink")}`, location.href.replace(/^http/, "ws")), {
  /** Draw a block of known colours, to see whether its pixels arrive. */
  async probe({ width, height, colors }) {
    picture = new Picture(width, height);
    picture.crop({ x: 0, y: 0, width, height });
    colors.forEach((color, index) => {
      const bar = document.createElement("div");
      Object.assign(bar.style, {
        position: "absolute", top: "0", bottom: "0", background: color,
        left: `${(100 * index) / colors.length}%`, width: `${100 / colors.length}%`,
      });
      picture.root.append(bar);
    });
    const boxes = [[0, 0, width, height]];
    sink.send(0, boxes, await picture.take(boxes));
  },

  async open({ scenario, width, height }) {
    const { createPlayer } = await import("./player/player.js");
    picture = new Picture(width, height);
    player = await createPlayer(picture.root, scenario, { width, height });
    await document.fonts.ready;
    picture.crop(player.captureBox);
    const { x, y, width: boxWidth, height: boxHeight } = player.captureBox;
    sink.reply({ box: [x, y, boxWidth, boxHeight] });
  },

  async frames({ range, first, count, fps: [numerator, denominator], ahead }) {
    sink.begin(range);
    let repeat = 0;
    let still_until_s = -Infinity;
    for (let frame = first; frame < first + count; frame += 1) {
      const t_s = (frame * denominator) / numerator;
      const boxes = t_s < still_until_s ? [] : seek(t_s, frame === first);
      if (t_s >= still_until_s) still_until_s = player.nextChange(t_s);
      if (boxes.length === 0) {
        repeat += 1;
        continue;
      }
      const pixels = await picture.take(boxes);
      if (range !== sink.range) return;
      sink.send(repeat, boxes, pixels);
      repeat = 0;
      if (!await sink.room(range, ahead)) return;
    }
    sink.send(repeat, [], []);
  },
});

/** The boxes to take after seeking; the whole picture when nothing is known of what came before. */
function seek(t_s, afresh) {
  const { x, y, width, height } = player.captureBox;
  const whole = [[x, y, width, height]];
  const { changed, boxes } = player.seek(t_s);
  if (afresh) return whole;
  if (!changed) return [];
  const stray = boxes.find((box) => !inside(box, player.captureBox));
  if (stray) throw new Error(`At ${t_s} s the player changed [${stray}], outside its capture box.`);
  return picture.inParts ? joined(boxes) : whole;
}

addEventListener("error", (event) => sink.fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => sink.fail(event.reason));
