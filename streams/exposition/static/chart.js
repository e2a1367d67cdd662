// The chart of the chosen amount since the page was opened. Its points are floats; the numbers beside it are exact.
/* global uPlot */

import { byId, text } from "./dom.js";
import { clockTime, exact, tick } from "./numbers.js";

const KEEP_S = 900;
const SHORTEST_S = 60;
const GAP_S = 5;
const HEIGHT = 250;

export class Chart {
  constructor(box) {
    this.box = box;
    this.points = []; // {x: seconds, totals: currency -> span -> exact text}, or totals null for a gap
    this.plot = null;
    new ResizeObserver(() => this.resize()).observe(box);
  }

  /** Remembers a frame's totals, one a second. */
  add(clock, currencies) {
    const x = Date.parse(clock) / 1000;
    const totals = Object.fromEntries(currencies.map((one) => [one.currency, one.total]));
    const last = this.points.at(-1);
    const before = this.points.at(-2);
    if (last && before && last.x - before.x < 1) this.points.pop();
    else if (last && x - last.x > GAP_S) this.points.push({ x: last.x + 0.001, totals: null });
    this.points.push({ x, totals });
    while (this.points[0].x < x - KEEP_S) this.points.shift();
  }

  /** Draws what is chosen now. */
  draw(currency, span, language) {
    const drawn = `${currency} ${span} ${language} ${document.documentElement.dataset.theme ?? ""}`;
    if (!this.points.length) return;
    this.currency = currency;
    this.span = span;
    if (this.plot === null || drawn !== this.drawn) {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(language), this.data(), this.box);
      this.drawn = drawn;
    } else this.plot.setData(this.data());
  }

  /** Draws again with the colours of now. */
  restyle() {
    this.drawn = "";
  }

  data() {
    const value = ({ totals }) => totals?.[this.currency]?.[this.span];
    return [this.points.map((point) => point.x), this.points.map((point) => {
      const amount = value(point);
      return amount === undefined ? null : Number(amount);
    })];
  }

  options(language) {
    const [line, fill, ink, rule] = ["--line", "--line-fill", "--quiet", "--rule"].map((name) => colour(this.box, name));
    const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 }, font: "12px system-ui" };
    return {
      width: this.box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      padding: [8, 32, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      hooks: { setCursor: [(plot) => this.point(plot.cursor.idx)] },
      scales: {
        x: { time: true, range: (_, low, high) => [low, Math.max(high, low + SHORTEST_S)] },
        y: { range: (_, low, high) => heights(low, high) },
      },
      axes: [
        { ...axis, space: 90, size: 34, values: (_, splits) => splits.map((x) => clockTime(x * 1000)) },
        { ...axis, size: language === "zh" ? 72 : 88, values: (_, splits) => splits.map((y) => tick(y, language)) },
      ],
      series: [{}, { stroke: line, fill, width: 2, points: { show: false } }],
    };
  }

  /** Says the exact amount under the cursor. */
  point(index) {
    const point = index === null || index === undefined ? undefined : this.points[index];
    const amount = point?.totals?.[this.currency]?.[this.span];
    text("cursor", amount === undefined ? "" : `${clockTime(point.x * 1000)}  ${exact(amount)} ${this.currency}`);
  }

  resize() {
    if (this.plot && this.box.clientWidth) this.plot.setSize({ width: this.box.clientWidth, height: HEIGHT });
  }
}

/** From zero, unless the amount hardly moves: then what moves fills the chart. */
function heights(low, high) {
  if (low === null || low === high) return [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1];
  const room = (high - low) * 0.1;
  return low > 0.5 * high ? [low - room, high + room] : [Math.min(0, low - room), high + room];
}

/** A custom property as a colour that a canvas understands. */
function colour(box, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export const newChart = () => new Chart(byId("chart"));
