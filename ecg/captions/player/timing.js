/** What time does: which cues are on screen, how far a word's animation is, when something changes next. */

/**
 * How a word looks `sinceOnset` seconds after its onset: `light` 0 (unlit) to 1 (the speaker's colour),
 * `swell` 0 (at rest) to 1 (at its largest). `animation` is the style's, with lengths in seconds.
 */
export function wordState(sinceOnset, animation) {
  if (sinceOnset < 0) return { light: 0, swell: 0 };
  const light = animation.light_s > 0 ? Math.min(sinceOnset / animation.light_s, 1) : 1;
  return { light: smooth(light), swell: swell(sinceOnset, animation) };
}

function swell(sinceOnset, { pop_s: length, pop_peak: peak }) {
  if (length <= 0 || sinceOnset >= length) return 0;
  const share = sinceOnset / length;
  return share < peak ? smooth(share / peak) : smooth((1 - share) / (1 - peak));
}

function smooth(share) {
  return share * share * (3 - 2 * share);
}

/** Seconds for which a word moves after its onset. */
export function animationLength({ light_s: light, pop, pop_s: length }) {
  return Math.max(light, pop > 0 ? length : 0);
}

/** Finds cues and changes by binary search. `cues` are a scenario's, in any order. */
export class Timeline {
  constructor(cues, animation) {
    this.lanes = lanesOf(cues);
    const length = animationLength(animation);
    const moving = cues.flatMap((cue) => cue.words
      .filter((word) => length > 0 && word.start_s < cue.end_s)
      .map((word) => [word.start_s, Math.min(word.start_s + length, cue.end_s)]));
    this.moving = joined(moving);
    const moments = cues.flatMap((cue) => [cue.start_s, cue.end_s, ...cue.words.map((word) => word.start_s)]);
    this.moments = [...new Set(moments)].sort((a, b) => a - b);
  }

  /** Indices of the cues on screen at `t_s`, in ascending order. */
  activeAt(t_s) {
    const found = [];
    for (const lane of this.lanes) {
      const entry = lane[lastAtOrBefore(lane, t_s, (item) => item.start_s)];
      if (entry && t_s < entry.end_s) found.push(entry.index);
    }
    return found.sort((a, b) => a - b);
  }

  /** The smallest time after `t_s` from which the picture may differ; `t_s` itself while a word moves. */
  nextChange(t_s) {
    const span = this.moving[lastAtOrBefore(this.moving, t_s, (item) => item[0])];
    if (span && t_s < span[1]) return t_s;
    return this.moments[lastAtOrBefore(this.moments, t_s, (item) => item) + 1] ?? Infinity;
  }
}

function lanesOf(cues) {
  const lanes = new Map();
  cues.forEach(({ lane, start_s, end_s }, index) => {
    if (!lanes.has(lane)) lanes.set(lane, []);
    lanes.get(lane).push({ start_s, end_s, index });
  });
  return [...lanes.values()].map((lane) => lane.sort((a, b) => a.start_s - b.start_s));
}

/** Overlapping [start, end) spans made one, in order. */
function joined(spans) {
  const result = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

/** Index of the last item of sorted `items` whose `key` is at most `value`; -1 when there is none. */
function lastAtOrBefore(items, value, key) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(items[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
