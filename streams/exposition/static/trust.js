// Whether to trust the numbers, in plain words, and what became of the events.

import { byId, el, list, text } from "./dom.js";
import { clockTime, duration, exact } from "./numbers.js";
import { reasonText } from "./words.js";

const QUIET_S = 300; // no transaction for so long is worth saying
const MANY = 1000; // fewer waiting events are a moment's work
const BEHIND_S = 5; // so much work waiting is "behind"
const PACE_S = 5; // the pace is measured over the last seconds
const REASONS = 3;
const NARROW = matchMedia("(max-width: 560px)"); // a phone: the bar must leave room for the numbers
const SIGNS = { wait: "…", ok: "✓", note: "i", warn: "!", bad: "✕" };
const OUTCOMES = ["applied", "late", "duplicate", "rejected"];

export class Trust {
  constructor() {
    this.lost = false;
    this.looks = []; // {at: ms, read: events}
  }

  /** Takes a frame's partitions for the pace. */
  look(partitions) {
    const at = performance.now();
    const read = partitions.reduce((sum, part) => sum + part.next_offset, 0);
    this.looks.push({ at, read });
    while (this.looks.length > 2 && this.looks[1].at < at - PACE_S * 1000) this.looks.shift();
  }

  pace() {
    const [first, last] = [this.looks[0], this.looks.at(-1)];
    if (!first || last.at - first.at < 1000) return null;
    return Math.max(0, (last.read - first.read) / ((last.at - first.at) / 1000));
  }

  /** The verdict: {level, key, values, reasons}. */
  judge(state, t) {
    if (!state.frame) return this.lost ? { level: "bad", key: "is-lost", values: { time: "–" } } : { level: "wait", key: "is-wait" };
    if (this.lost) return { level: "bad", key: "is-lost", values: { time: clockTime(state.frame.clock) } };
    if (!state.frame.complete) return { level: "bad", key: "is-incomplete", reasons: state.frame.reasons };
    const { waiting, age, read } = this.measures(state);
    const pace = this.pace() ?? 0;
    if (waiting >= MANY && waiting > pace * BEHIND_S) {
      const time = pace > 0 ? duration(waiting / pace, t) : "?";
      return { level: "warn", key: "is-behind", values: { n: exact(waiting), time } };
    }
    if (read === 0) return { level: "note", key: "is-empty" };
    if (age !== null && age > QUIET_S) return { level: "note", key: "is-quiet", values: { age: duration(age, t) } };
    return { level: "ok", key: "is-ok" };
  }

  measures({ frame, partitions }) {
    const waiting = partitions.reduce((sum, part) => sum + part.lag, 0);
    const read = partitions.reduce((sum, part) => sum + part.next_offset, 0);
    const marks = partitions.filter((part) => part.topic.includes("transactions") && part.watermark !== null);
    const newest = marks.length ? Math.max(...marks.map((part) => Date.parse(part.watermark))) : null;
    const age = newest === null ? null : Math.max(0, (Date.parse(frame.clock) - newest) / 1000);
    return { waiting, read, age };
  }

  /** Shows the verdict and the facts; gives the verdict. */
  show(state, t) {
    const verdict = this.judge(state, t);
    byId("trust").dataset.level = verdict.level;
    text("sign", SIGNS[verdict.level]);
    text("verdict", t(verdict.key, verdict.values));
    const reasons = verdict.reasons ?? [];
    const most = NARROW.matches ? 1 : REASONS;
    const shown = reasons.slice(0, most).map((reason) => reasonText(reason, t));
    if (reasons.length > most) shown.push(t("more_n", { n: reasons.length - most }));
    byId("reasons").hidden = !shown.length;
    list(byId("reasons"), shown, (reason) => reason, (reason) => el("li", {}, reason));
    if (state.frame) this.facts(state, t);
    return verdict;
  }

  facts(state, t) {
    const { waiting, age } = this.measures(state);
    const pace = this.pace();
    const known = (value) => (this.lost ? "–" : value); // of a worker that is not heard, nothing is known
    text("complete", known(t(state.frame.complete ? "yes" : "no")));
    text("newest", known(age === null ? t("never") : t("ago", { n: duration(age, t) })));
    text("lag", known(t("events_n", { n: exact(waiting) })));
    text("rate", known(pace === null ? "–" : t("rate_n", { n: exact(Math.round(pace)) })));
    const breached = state.thresholds.filter((row) => row.breached).length;
    text("breached", state.thresholds.length ? t("breached_n", { n: breached, of: state.thresholds.length }) : t("notset"));
    byId("breached").parentElement.classList.toggle("alarm", breached > 0);
    text("asof", clockTime(state.frame.clock));
  }
}

/** The account of the records, and the partitions that they are in. */
export function showEvents({ events, partitions }, t) {
  list(
    byId("topics"),
    Object.keys(events.outcomes),
    (topic) => topic,
    (topic) => el("li", { "data-topic": topic }, el("h3"), el("dl"), el("p", { class: "quiet" })),
    (child, topic) => {
      const [title, counts, reasons] = child.children;
      const outcomes = events.outcomes[topic];
      const rows = [...OUTCOMES.map((name) => [name, outcomes[name]])];
      rows.push(["consumed", rows.reduce((sum, [, count]) => sum + count, 0)]);
      text(title, t(topic));
      list(
        counts,
        rows,
        ([name]) => name,
        ([name]) => el("div", { "data-outcome": name }, el("dt"), el("dd")),
        (row, [name, count]) => {
          text(row.children[0], t(name));
          text(row.children[1], exact(count));
        },
      );
      const why = Object.entries(events.dead_letters[topic]).filter(([, count]) => count > 0);
      text(reasons, why.map(([reason, count]) => `${t(`why-${reason}`)} ${exact(count)}`).join(t("listed")));
    },
  );
  list(
    byId("partitions"),
    partitions,
    (part) => `${part.topic}/${part.partition}`,
    () => el("tr", {}, el("th", { scope: "row" }), ...Array.from({ length: 5 }, () => el("td"))),
    (row, part) => {
      const cells = [t(part.topic), part.partition, exact(part.next_offset), exact(part.end_offset), exact(part.lag)];
      cells.push(part.owner_live ? part.owner : t("nobody"));
      cells.forEach((cell, index) => text(row.children[index], String(cell)));
    },
  );
}
