// The live page: takes frames from the worker, keeps the newest of each part, and shows what is chosen.

import { newChart } from "./chart.js";
import { showIndicators, showInfrastructure, showThresholds } from "./city.js";
import { byId, text } from "./dom.js";
import { SPANS, currencyOf, showExchange } from "./exchange.js";
import { follow } from "./feed.js";
import { showEvents, Trust } from "./trust.js";
import { LANGUAGES, speaker } from "./words.js";

const THEMES = ["auto", "light", "dark"];
const KEPT = "citypulse";

const state = {}; // part of the frame -> its newest value
const prefs = { span: "1h", currency: null, type: null, area: null, ...remembered() };
const trust = new Trust();
const chart = newChart();
let t = speaker(prefs.language);
let said = "";
let drawing = false;

function remembered() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    // no storage, or not ours: begin anew
  }
  if (!LANGUAGES.includes(kept.language)) kept.language = navigator.language.startsWith("zh") ? "zh" : "en";
  if (!THEMES.includes(kept.theme)) kept.theme = "auto";
  if (!SPANS.includes(kept.span)) delete kept.span;
  return kept;
}

function choose(name, value) {
  prefs[name] = value;
  try {
    localStorage.setItem(KEPT, JSON.stringify(prefs));
  } catch {
    // the choice holds until the page is closed
  }
  draw();
}

/** Words and theme that do not come from frames. */
function dress() {
  t = speaker(prefs.language);
  const root = document.documentElement;
  root.lang = prefs.language === "zh" ? "zh-Hans" : "en";
  if (prefs.theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = prefs.theme;
  for (const element of document.querySelectorAll("[data-t]")) text(element, t(element.dataset.t));
  for (const element of document.querySelectorAll("[data-l]")) element.setAttribute("aria-label", t(element.dataset.l));
  const [name, code] = t("other");
  text("language", name);
  byId("language").lang = code === "zh" ? "zh-Hans" : "en";
  text("theme", t(`theme-${prefs.theme}`));
  chart.restyle();
}

/** Once a screen refresh at most, however many frames come. */
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    show();
  });
}

function show() {
  const verdict = trust.show(state, t);
  if (!state.frame) return announce(verdict);
  showExchange(state, prefs, t, choose);
  const currency = currencyOf(state.exchange, prefs.currency);
  chart.draw(currency, prefs.span, prefs.language);
  byId("chart").setAttribute("aria-label", t("chartlabel", { of: t(`of-${prefs.span}`) }));
  showInfrastructure(state, prefs, t, choose);
  showIndicators(state, prefs, t, choose);
  showThresholds(state, prefs, t);
  showEvents(state, t);
  announce(verdict);
}

/** Tells a screen reader when the state changes; numbers that move all the time are not read out. */
function announce(verdict) {
  const breached = (state.thresholds ?? []).filter((row) => row.breached).length;
  const broken = state.indicators?.inconsistencies.rows.length ?? 0;
  const now = `${verdict.key} ${breached} ${broken} ${prefs.language}`;
  if (now === said) return;
  said = now;
  const parts = [verdict.key === "is-ok" ? t("said_ok") : t(verdict.key, verdict.values)];
  if (breached) parts.push(t("said_thresholds", { n: breached }));
  if (broken) parts.push(t("said_findings", { n: broken }));
  text("announce", parts.join(" "));
}

byId("language").addEventListener("click", () => {
  prefs.language = LANGUAGES[(LANGUAGES.indexOf(prefs.language) + 1) % LANGUAGES.length];
  dress();
  choose("language", prefs.language);
});
byId("theme").addEventListener("click", () => {
  prefs.theme = THEMES[(THEMES.indexOf(prefs.theme) + 1) % THEMES.length];
  dress();
  choose("theme", prefs.theme);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  chart.restyle();
  draw();
});

dress();
draw();
follow(
  "api/v1/stream",
  (parts) => {
    Object.assign(state, parts);
    trust.lost = false;
    trust.look(state.partitions);
    chart.add(state.frame.clock, state.exchange);
    draw();
  },
  () => {
    trust.lost = true;
    draw();
  },
);
