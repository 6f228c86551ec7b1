/** Numbers as people read them. Whatever depends on the language is a Message. */
import { Message, language } from "./i18n.js";

const UNITS = ["kilobyte", "megabyte", "gigabyte"];

/** A size such as `4.2 MB`. */
export function size(bytes) {
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 1), UNITS.length);
  return new Message(() => new Intl.NumberFormat(language(), {
    style: "unit", unit: UNITS[power - 1], maximumFractionDigits: 1,
  }).format(bytes / 1000 ** power));
}

/** A time such as `1:05` or `1:02:03`; with `decimals` 1, `1:05.4`. */
export function clock(seconds, decimals = 0) {
  const factor = 10 ** decimals;
  const whole = Math.floor(Math.max(seconds, 0) * factor) / factor;
  const minutes = Math.floor(whole / 60);
  const rest = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** A moment such as `20 Nov, 19:30`. `iso` has its zone. */
export function moment(iso) {
  return new Message(() => new Intl.DateTimeFormat(language(), {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
  }).format(new Date(iso)));
}

/** A share of a hundred, such as `42%`. */
export function percent(value) {
  return `${Math.floor(value)}%`;
}
