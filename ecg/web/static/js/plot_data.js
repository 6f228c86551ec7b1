/** Loudness and pitch of a recording, made ready to be drawn or told. */

export const QUIET_DB = -60;

/**
 * `prosody` ({hop_s, loudness_db, pitch_hz}) in `columns` equal parts: the loudest level and the middle
 * pitch of each, null where nothing is voiced.
 */
export function columnsOf({ hop_s, loudness_db, pitch_hz }, duration_s, columns) {
  const part = (values, index) => {
    const from = Math.floor(((index * duration_s) / columns) / hop_s);
    const to = Math.max(Math.ceil((((index + 1) * duration_s) / columns) / hop_s), from + 1);
    return values.slice(from, to).filter((value) => value !== null);
  };
  return Array.from({ length: columns }, (_, index) => ({
    loudness_db: Math.max(QUIET_DB, ...part(loudness_db, index)),
    pitch_hz: quantile(part(pitch_hz, index), 0.5),
  }));
}

/** Low, middle and high of the values that are there (5th, 50th, 95th percentile); null for none. */
export function span(values) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return { low: quantile(known, 0.05), median: quantile(known, 0.5), high: quantile(known, 0.95) };
}

/** The segments as spans `{start_s, end_s, speaker}`; those of one speaker that touch are one. */
export function bands(segments) {
  const joined = [];
  for (const { start, end, speaker } of segments) {
    const last = joined.at(-1);
    const id = speaker.speaker_id ?? "SPEAKER_00";
    if (last && last.speaker === id && start - last.end_s < 0.3) last.end_s = Math.max(last.end_s, end);
    else joined.push({ start_s: start, end_s: end, speaker: id });
  }
  return joined;
}

/** The speaker of each of `columns` equal parts, null where nobody speaks. */
export function speakerColumns(spans, duration_s, columns) {
  const owners = new Array(columns).fill(null);
  for (const { start_s, end_s, speaker } of spans) {
    const from = Math.floor((start_s / duration_s) * columns);
    const to = Math.min(Math.ceil((end_s / duration_s) * columns), columns);
    owners.fill(speaker, from, to);
  }
  return owners;
}

function quantile(values, share) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
}
