// Exchange volume: one currency and one span at a time, exact.

import { byId, el, list, segments, text, width } from "./dom.js";
import { exact, share, short } from "./numbers.js";

export const SPANS = ["1m", "5m", "1h", "24h", "7d", "30d", "day", "month", "quarter", "year", "all"];
const USUAL = "CNY";

/** The chosen currency, or the one to begin with. Currencies are never added up. */
export function currencyOf(exchange, chosen) {
  const names = exchange.map((one) => one.currency);
  if (names.includes(chosen)) return chosen;
  return names.includes(USUAL) ? USUAL : names[0];
}

/** Shows what is chosen; `choose(name, value)` is told of another choice. */
export function showExchange({ exchange }, prefs, t, choose) {
  const currency = currencyOf(exchange, prefs.currency);
  const { span, language } = prefs;
  segments(byId("spans"), SPANS.map((value) => ({ value, label: t(value) })), span, (value) => choose("span", value));
  segments(
    byId("currencies"),
    exchange.map((one) => ({ value: one.currency, label: one.currency })),
    currency,
    (value) => choose("currency", value),
  );
  text("of", exchange.length ? t(`of-${span}`) : t("none"));
  const one = exchange.find((row) => row.currency === currency);
  if (!one) return;
  const total = one.total[span];
  text("amount", exact(total));
  byId("amount").parentElement.style.setProperty("--characters", String(exact(total).length + 5));
  text("code", currency);
  const brief = short(total, language);
  text("short", brief ? `≈ ${brief} ${currency}` : "");
  showSynthetic(one, span, t);
  const crossing = share(one.cross_border[span], total);
  text("share", crossing === null ? "–" : `${crossing.toFixed(1)} %`);
  width(byId("sharebar"), crossing ?? 0);
  text("crossamount", t("crossof", { amount: exact(one.cross_border[span]), total: exact(total), currency }));
  const rest = one.rest ? [{ name: "…", label: t("rest_n", { n: one.rest.exchanges }), amounts: one.rest.amounts }] : [];
  showBars(byId("exchanges"), [...one.exchanges, ...rest], span, t);
  showBars(byId("products"), one.products.map((row) => ({ ...row, label: t(row.name) })), span, t);
}

function showSynthetic(one, span, t) {
  const made = share(one.synthetic[span], one.total[span]);
  byId("synthetic").hidden = !made;
  if (made) text("synthetic", t("synthetic_n", { n: `${made.toFixed(made === 100 ? 0 : 1)} %` }));
}

function showBars(parent, rows, span, t) {
  const ranked = rows
    .filter((row) => Number(row.amounts[span]) !== 0)
    .sort((a, b) => Number(b.amounts[span]) - Number(a.amounts[span]) || (a.name < b.name ? -1 : 1));
  const most = Math.max(...ranked.map((row) => Number(row.amounts[span])), 0);
  list(
    parent,
    ranked,
    (row) => row.name,
    (row) => bar(row.synthetic),
    (child, row) => {
      const [name, number, track] = child.children;
      text(name.children[0], row.label ?? row.name);
      if (row.synthetic) text(name.children[1], t("synthetic"));
      text(number, exact(row.amounts[span]));
      width(track.firstElementChild, most > 0 ? (100 * Number(row.amounts[span])) / most : 0);
    },
  );
}

/** A row of ranked bars; a synthetic one is hatched and says so. */
export function bar(synthetic = false) {
  return el(
    "li",
    { class: synthetic ? "made" : null },
    el("span", { class: "name" }, el("span"), synthetic ? el("span", { class: "chip made" }) : null),
    el("span", { class: "number" }),
    el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill" })),
  );
}
