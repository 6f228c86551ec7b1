/** Boxes `[x, y, width, height]`: which to take for those that changed. */

/** Fewer boxes that cover the same pixels, joined where that costs no more pixels than it saves. */
export function joined(boxes) {
  const result = [];
  for (let box of boxes) {
    for (let index = 0; index < result.length; index += 1) {
      const both = around([result[index], box]);
      if (area(both) > area(result[index]) + area(box)) continue;
      result.splice(index, 1);
      box = both;
      index = -1;
    }
    result.push(box);
  }
  return result;
}

/** Whether two boxes have a pixel in common. */
export function touch([x, y, width, height], [left, top, wide, high]) {
  return x < left + wide && left < x + width && y < top + high && top < y + height;
}

/** The smallest box that holds all of `boxes`. */
function around(boxes) {
  const left = Math.min(...boxes.map(([x]) => x));
  const top = Math.min(...boxes.map(([, y]) => y));
  const right = Math.max(...boxes.map(([x, , width]) => x + width));
  const bottom = Math.max(...boxes.map(([, y, , height]) => y + height));
  return [left, top, right - left, bottom - top];
}

/** Whether `[x, y, width, height]` lies inside `outer`, a `{x, y, width, height}`. */
export function inside([x, y, width, height], outer) {
  return x >= outer.x && y >= outer.y && x + width <= outer.x + outer.width && y + height <= outer.y + outer.height;
}

function area([, , width, height]) {
  return width * height;
}
