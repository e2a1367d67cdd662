// Numbers, times and periods as people read them. Exact decimals stay strings: only a short form or a pixel is a float.

const SCALES = {
  en: [[1e12, " trillion"], [1e9, " billion"], [1e6, " million"], [1e3, " thousand"]],
  zh: [[1e12, " 万亿"], [1e8, " 亿"], [1e4, " 万"]],
};
const TICK_DIGITS = 7; // ticks may be close to each other
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Thousands separated, every digit kept: "-1234567.50" is "-1,234,567.50". */
export function exact(text) {
  const [whole, decimals] = String(text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return decimals === undefined ? grouped : `${grouped}.${decimals}`;
}

/** A few digits and a word for the scale, or "" where the exact number is short enough. */
export function short(text, language, digits = 4) {
  const value = Number(text);
  for (const [scale, word] of SCALES[language]) {
    if (Math.abs(value) >= scale) return `${significant(value / scale, digits)}${word}`;
  }
  return "";
}

/** The same for an axis, where a plain number is wanted below the first scale. */
export function tick(value, language) {
  return short(value, language, TICK_DIGITS) || String(Number(value.toPrecision(TICK_DIGITS)));
}

function significant(value, digits) {
  const rounded = Number(value.toPrecision(digits));
  return exact(String(rounded));
}

/** A ratio as percent by moving the point: "0.0831" is "8.31 %". */
export function percent(text) {
  const negative = text.startsWith("-");
  const [whole, decimals = ""] = text.replace("-", "").split(".");
  const digits = whole + decimals.padEnd(2, "0").slice(0, 2);
  const rest = decimals.slice(2).replace(/0+$/, "");
  const head = digits.replace(/^0+(?=\d)/, "");
  return `${negative ? "-" : ""}${head}${rest ? `.${rest}` : ""} %`;
}

/** A part of a whole, for a person: one decimal. */
export function share(part, whole) {
  return Number(whole) === 0 ? null : (100 * Number(part)) / Number(whole);
}

/** Time of day, with seconds, in the viewer's zone. */
export function clockTime(text) {
  const moment = new Date(text);
  return [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

/** Time of day, with the day before it unless it is today. */
export function moment(text) {
  const today = day(new Date());
  return day(text) === today ? clockTime(text) : `${day(text)} ${clockTime(text)}`;
}

/** The day, in the viewer's zone. */
export function day(text) {
  const moment = new Date(text);
  const parts = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  return parts.map((n) => String(n).padStart(2, "0")).join("-");
}

/** Seconds as the largest unit that fits. */
export function duration(seconds, t) {
  if (seconds < 10) return t("seconds", { n: Math.max(0, seconds).toFixed(1) });
  if (seconds < 120) return t("seconds", { n: Math.round(seconds) });
  if (seconds < 7200) return t("minutes", { n: Math.round(seconds / 60) });
  if (seconds < 172800) return t("hours", { n: Math.round(seconds / 3600) });
  return t("days", { n: exact(Math.round(seconds / 86400)) });
}

/** An SDMX period in words; what is not known here stays as published. */
export function period(text, language) {
  const range = /^(\d{4})-(\d\d)-01\/P(\d+)M$/.exec(text);
  if (range) return months(range[1], Number(range[2]), Number(range[3]), language) ?? text;
  const plain = /^(\d{4})-([QSAM])(\d+)$/.exec(text);
  if (!plain) return text;
  const [, year, kind, number] = plain;
  if (kind === "A") return months(year, 1, 12, language);
  const length = { Q: 3, S: 6, M: 1 }[kind];
  return months(year, (Number(number) - 1) * length + 1, length, language) ?? text;
}

function months(year, first, length, language) {
  const last = first + length - 1;
  if (last > 12) return null;
  if (language === "zh") {
    if (length === 12) return `${year}年`;
    return length === 1 ? `${year}年${first}月` : `${year}年${first}–${last}月`;
  }
  if (length === 12) return year;
  return length === 1 ? `${MONTHS[first - 1]} ${year}` : `${MONTHS[first - 1]}–${MONTHS[last - 1]} ${year}`;
}
