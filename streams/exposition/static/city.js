// What stands in the city: infrastructure by district, published indicators, thresholds.

import { byId, el, list, segments, text, width } from "./dom.js";
import { bar } from "./exchange.js";
import { day, duration, exact, moment, percent, period, short } from "./numbers.js";
import { areaName } from "./words.js";

const DISTRICTS = 20;
const PLAIN = new Set(["A", "P"]); // statuses that need no chip beside "provisional"
const ALSO = /; also breaks (.+)$/; // how a worker's sentence ends when a figure breaks several rules
const PLAIN_RATIO = "plain ratio";
const PLAIN_RATIOS = new Set(["pue"]); // ratios that nobody reads as a percentage

// -- infrastructure

/** Counted beside reported, by district of the chosen kind. */
export function showInfrastructure({ infrastructure, exchange }, prefs, t, choose) {
  const { assets, reported } = infrastructure;
  const types = [...new Set([...assets.rows, ...reported.rows].map((row) => row.asset_type))];
  const usual = types.includes("base_station_5g") ? "base_station_5g" : types[0];
  const type = types.includes(prefs.type) ? prefs.type : usual;
  segments(byId("types"), types.map((value) => ({ value, label: t(value) })), type, (value) => choose("type", value));
  const counted = assets.rows.filter((row) => row.asset_type === type);
  const told = new Map(reported.rows.filter((row) => row.asset_type === type).map((row) => [row.area, row]));
  const cities = new Map();
  for (const row of counted) {
    const city = row.city || row.area;
    cities.set(city, (cities.get(city) ?? 0) + row.count);
  }
  for (const area of told.keys()) if (!cities.has(area) && !counted.some((row) => row.area === area)) cities.set(area, 0);
  list(
    byId("cities"),
    [...cities],
    ([city]) => city,
    () => el("li", {}, el("h3"), el("dl", {}, pair(), el("div", {}, el("dt"), el("dd"), el("dd", { class: "quiet" })))),
    (child, [city, count]) => {
      const [ours, theirs] = child.children[1].children;
      text(child.children[0], areaName(city, prefs.language));
      text(ours.children[0], t("counted"));
      text(ours.children[1], exact(count));
      text(theirs.children[0], t("reported"));
      const row = told.get(city);
      text(theirs.children[1], row ? report(row) : t("notreported"));
      text(theirs.children[2], row ? reportDay(row) : "");
    },
  );
  showDistricts(counted, told, prefs.language, t);
  const more = assets.left_out + reported.left_out;
  const made = exchange.some((one) => one.exchanges.some((row) => row.synthetic));
  text("infranote", [made ? t("infra_synthetic") : "", more ? t("left_n", { n: exact(more) }) : ""].join(" ").trim());
}

const pair = () => el("div", {}, el("dt"), el("dd"));

const report = (row) => (row.count !== null ? exact(row.count) : `${exact(row.capacity)} ${row.unit}`);
const reportDay = (row) => day(row.count !== null ? row.count_time : row.capacity_time);

function showDistricts(counted, told, language, t) {
  const ranked = [...counted].sort((a, b) => b.count - a.count || (a.area < b.area ? -1 : 1)).slice(0, DISTRICTS);
  const most = Math.max(...ranked.map((row) => Math.max(row.count, told.get(row.area)?.count ?? 0)), 1);
  text("nodistricts", ranked.length ? "" : t("nodistricts"));
  list(
    byId("districts"),
    ranked,
    (row) => row.area,
    () => {
      const row = bar();
      row.append(el("span", { class: "aside" }));
      return row;
    },
    (child, row) => {
      const [name, number, track, aside] = child.children;
      text(name.children[0], areaName(row.area, language));
      text(number, exact(row.count));
      width(track.firstElementChild, (100 * row.count) / most);
      const capacity = Object.entries(row.capacity).map(([unit, amount]) => `${exact(amount)} ${unit}`);
      const other = told.get(row.area);
      const beside = other ? [t("reported_n", { n: report(other), day: reportDay(other) })] : [];
      text(aside, [...capacity, ...beside].join(" · "));
    },
  );
}

// -- indicators

/** What does not fit together first, then the current figures of the chosen area. */
export function showIndicators({ indicators }, prefs, t, choose) {
  const { current, inconsistencies, warnings } = indicators;
  const findings = [
    ...inconsistencies.rows.map((row) => ({ ...row, level: "bad" })),
    ...warnings.rows.map((row) => ({ ...row, level: "warn" })),
  ];
  list(
    byId("findings"),
    findings,
    (row) => [row.level, row.rule, row.indicator, row.area, row.period, row.vintage].join(" "),
    (row) => el("li", { class: row.level }, el("p", { class: "title" }, el("strong"), el("span")), el("dl"), el("p", { lang: "en" })),
    (child, row) => showFinding(child, row, current.rows, prefs.language, t),
  );
  const areas = new Map();
  for (const row of current.rows) areas.set(row.area, (areas.get(row.area) ?? 0) + 1);
  const ranked = [...areas].sort((a, b) => b[1] - a[1]);
  const area = areas.has(prefs.area) ? prefs.area : ranked[0]?.[0];
  const options = ranked.map(([value, n]) => ({ value, label: `${areaName(value, prefs.language)} ${n}` }));
  segments(byId("areas"), options, area, (value) => choose("area", value));
  list(
    byId("figures"),
    current.rows.filter((row) => row.area === area),
    (row) => `${row.area} ${row.indicator}`,
    () => el("li", {}, el("h3"), el("p", { class: "value" }), el("p", { class: "quiet" }), el("p", { class: "chips" }), el("dl")),
    (child, row) => showFigure(child, row, prefs.language, t),
  );
  const more = current.left_out + inconsistencies.left_out + warnings.left_out;
  text("indicatornote", more ? t("left_n", { n: exact(more) }) : "");
}

function showFinding(child, row, current, language, t) {
  const [title, facts, message] = child.children;
  const word = t(row.level === "bad" ? "inconsistent" : "warning");
  text(title.children[0], `${row.level === "bad" ? "✕" : "!"} ${word}${row.hint ? ` – ${t(row.hint)}` : ""}`);
  const of = [t(row.indicator), areaName(row.area, language), period(row.period, language)].join(t("comma"));
  text(title.children[1], ` ${of}${t("aside", { n: t(row.level === "bad" ? "isnotshown" : "isshown") })}`);
  const figure = current.find((one) => one.indicator === row.indicator && one.area === row.area);
  const unit = unitOf(row.indicator, figure?.unit ?? "");
  const rows = [["said", amount(row.value, unit, language)], ["expected", expected(row, unit, language, t)]];
  rows.push(["rule", t(row.rule) + t("aside", { n: row.rule })], ["vintage", row.vintage]);
  if (row.level === "bad" && figure) rows.push(["instead", amount(figure.value, unit, language) + t("aside", { n: figure.vintage })]);
  showPairs(facts, rows, t);
  const inEnglish = language === "en";
  message.lang = inEnglish ? "en" : "zh-Hans";
  text(message, inEnglish ? row.message : alsoBroken(row.message, t));
}

/** What the worker's sentence says beyond the pairs above it, in the language of `t`. */
function alsoBroken(message, t) {
  const rules = ALSO.exec(message)?.[1].split(", ") ?? [];
  return rules.length ? t("alsobroken", { rules: rules.map((rule) => t(rule) + t("aside", { n: rule })).join(t("listed")) }) : "";
}

function expected(row, unit, language, t) {
  const [low, high] = [row.expected_low, row.expected_high].map((one) => one && amount(rounded(one), unit, language, true));
  if (low && high) return t("from_to", { low, high });
  return low ? t("atleast", { low }) : t("atmost", { high });
}

/** A bound is a quotient with many digits; the API has them all. */
const rounded = (text) => (text.includes(".") && text.length > 12 ? String(Number(Number(text).toPrecision(6))) : text);

/** A figure in its unit: exact, with a short form beside or instead. */
function amount(value, unit, language, brief = false) {
  if (unit === "RATIO") return percent(value);
  if (unit === PLAIN_RATIO) return value;
  const few = short(value, language);
  const suffix = unit === "CNY" ? " CNY" : "";
  if (!few) return exact(value) + suffix;
  return brief ? few + suffix : `${exact(value)}${suffix} (≈ ${few})`;
}

function showFigure(child, row, language, t) {
  const [title, value, precise, chips, facts] = child.children;
  text(title, t(row.indicator));
  const unit = unitOf(row.indicator, row.unit);
  const brief = unit === "RATIO" ? percent(row.value) : short(row.value, language) || exact(row.value);
  text(value, brief);
  text(precise, row.unit === "CNY" ? `${exact(row.value)} CNY` : "");
  const marks = row.provisional ? ["provisional"] : [];
  if (!PLAIN.has(row.status)) marks.push(`status-${row.status}`);
  list(chips, [...new Set(marks)], (mark) => mark, () => el("span", { class: "chip soft" }), (chip, mark) => text(chip, t(mark)));
  showPairs(facts, [["period", period(row.period, language)], ["vintage", row.vintage], ["printed", row.printed.replace("10^8", "× 10⁸")]], t);
}

/** A ratio that is read as it is has a unit of its own. */
const unitOf = (indicator, unit) => (unit === "RATIO" && PLAIN_RATIOS.has(indicator) ? PLAIN_RATIO : unit);

function showPairs(parent, rows, t) {
  list(parent, rows, ([name]) => name, pair, (child, [name, value]) => {
    text(child.children[0], t(name));
    text(child.children[1], value);
  });
}

// -- thresholds

const SEVERITIES = ["critical", "warning", "info"];
const CALM = ["waits", "holds", "unknown"]; // states that are folded away, in their order
const SIGNS = { breached: "✕", waits: "…", holds: "✓", unknown: "–" };
const TONES = { critical: "bad", warning: "warn", info: "note", waits: "warn", holds: "fine", unknown: "unknown" };
const UNTOLD = new Set(["unit", "window", "currency"]); // labels that the summary or the value says already

/** Breached ones, the worst first, each with its runbook; the others are folded away, and counted by their state. */
export function showThresholds({ thresholds }, prefs, t) {
  const rank = (row) => SEVERITIES.indexOf(row.severity);
  const breached = thresholds.filter((row) => row.breached).sort((a, b) => rank(a) - rank(b));
  const calm = CALM.map((name) => thresholds.filter((row) => stateOf(row) === name));
  text("nothresholds", thresholds.length ? "" : t("nothresholds"));
  showStates("thresholds", breached, prefs.language, t);
  byId("calmbox").hidden = breached.length === thresholds.length;
  const counts = CALM.map((name, at) => calm[at].length && t(`${name}_n`, { n: calm[at].length }));
  text("calmsum", counts.filter(Boolean).join(" · "));
  showStates("calm", calm.flat(), prefs.language, t);
}

/** Only a number that was compared, and is not beyond the limit, is within it. */
function stateOf(row) {
  if (row.breached) return "breached";
  if (row.since !== null) return "waits";
  return row.value === null ? "unknown" : "holds";
}

function showStates(id, rows, language, t) {
  list(
    byId(id),
    rows,
    (row) => row.threshold,
    (row) => {
      const more = el("a", { href: `api/v1/thresholds?threshold=${encodeURIComponent(row.threshold)}` });
      const runbook = row.runbook ? el("a", { href: row.runbook }) : null;
      const head = el("p", { class: "title" }, el("strong"), " ", el("span"));
      return el("li", {}, head, el("p", { class: "compared" }), el("p", { class: "links" }, el("span", {}, row.threshold), more, runbook));
    },
    (child, row) => {
      const [title, numbers, links] = child.children;
      const state = stateOf(row);
      const beyond = row.since !== null;
      child.className = TONES[row.breached ? row.severity : state];
      const severity = t(row.severity === "warning" ? "severity-warning" : row.severity);
      text(title.children[0], `${SIGNS[state]} ${t(state)}${t("aside", { n: severity })}`);
      const chinese = language === "zh" && beyond && row.summary_zh;
      title.children[1].lang = chinese ? "zh-Hans" : "en";
      text(title.children[1], chinese || (beyond ? row.summary : row.threshold)); // the summary says what is wrong
      links.children[0].hidden = !beyond;
      const where = Object.entries(row.labels).filter(([name]) => !UNTOLD.has(name)).map(([name, label]) => named(name, label, language, t));
      const since = row.since === null ? [] : [t("since", { time: moment(row.since) })];
      text(numbers, [compared(row, language, t), ...where, others(row, language, t), ...since].filter(Boolean).join(" · "));
      text(links.children[1], t("details"));
      if (links.children[2]) text(links.children[2], t("runbook"));
    },
  );
}

/** Value and limit in the unit in which people think of them. */
function compared(row, language, t) {
  const told = (number) => inUnit(number, row.compare, row.labels, t);
  const limit = told(row.limit);
  if (row.value === null) return t("limit_n", { limit });
  return row.since === null ? t("against", { value: told(row.value), limit }) : `${told(row.value)} ${row.op} ${limit}`;
}

function inUnit(number, compare, labels, t, language = null) {
  if (compare === "age") return duration(Number(number), t);
  if (compare === "day_ratio") return t("ofyesterday", { n: percent(number.slice(0, 8)) });
  const unit = labels.currency ?? unitOf(labels.indicator, labels.unit ?? "");
  if (unit === "RATIO") return percent(number);
  const brief = language && short(number, language);
  return `${brief || exact(number)} ${unit === PLAIN_RATIO ? "" : unit}`.trim();
}

/** How many other series are beyond the limit, and which: the labels in which they differ from the first, the value. */
function others(row, language, t) {
  if (row.beyond < 2) return "";
  const names = row.others.map(({ labels, value }) => {
    const own = Object.entries(labels).filter(([name, label]) => label !== row.labels[name]);
    const words = own.map(([name, label]) => named(name, label, language, t));
    return [...words, inUnit(value, row.compare, labels, t, language)].join(" ");
  });
  if (row.beyond > 1 + names.length) names.push("…");
  return t("others_n", { n: exact(row.beyond - 1), names: names.join(t("listed")) });
}

function named(name, label, language, t) {
  if (["ref_area", "area", "city"].includes(name)) return areaName(label, language);
  return ["indicator", "asset_type", "product_type", "rule"].includes(name) ? t(label) : label;
}
