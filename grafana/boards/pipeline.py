"""Pipeline: from Kafka to the totals, for those who run it."""

from typing import Final

from grafana import queries, variables
from grafana.dashboard import dashboard, row, section
from grafana.panels import GREEN, RED, bars, mapped, stat, states, steps, table, timeseries

_RECORDS = section(
    "Records",
    row(
        8,
        timeseries("Throughput", "Records consumed a second, by topic.", queries.THROUGHPUT, "ops", stacked=True),
        timeseries(
            "Outcomes",
            "What becomes of the records: exactly one of applied, late, duplicate, rejected.",
            queries.OUTCOMES,
            "ops",
        ),
        timeseries("Dead letters", "Records rejected a second, by reason.", queries.DEAD_LETTERS, "ops", stacked=True),
        timeseries(
            "Dead letters waiting",
            "Rejected records that were not replayed, by topic. To mend them: citypulse dead-letters.",
            queries.DEAD_LETTERS_WAITING,
            "short",
            min=0,
        ),
        timeseries(
            "Events over HTTP",
            "What workers answered for events that were posted.",
            queries.INGESTED,
            "ops",
            stacked=True,
        ),
    ),
    row(
        8,
        timeseries(
            "Share rejected",
            "Rejected records of all records, by topic; and the last minute of the worker that has most of them.",
            (queries.REJECTED_SHARE, queries.REJECTED_SHARE_WORST),
            "percentunit",
            min=0,
        ),
        timeseries("Lag by topic", "Records that the totals do not hold yet.", queries.LAG_BY_TOPIC, "short", min=0),
        timeseries(
            "Age of the watermark",
            "Time since the highest event time of a topic. Indicators are about the past.",
            queries.WATERMARK_AGE,
            "s",
        ),
    ),
)
_LATENCY = section(
    "Latency",
    row(
        8,
        timeseries(
            "Append to visible",
            "From Kafka's append of a record until its effect can be read; half and 99 of 100 records.",
            (queries.VISIBLE_P50, queries.VISIBLE_P99),
            "s",
            min=0,
        ),
        timeseries(
            "Visible within 0.4 s",
            "Share of the records whose effect could be read within 0.4 s: counted, not interpolated.",
            queries.VISIBLE_WITHIN,
            "percentunit",
            max=1,
        ),
        timeseries(
            "Batch duration",
            "Time to decode and aggregate one batch.",
            (queries.BATCH_MEAN, queries.BATCH_P99),
            "s",
            min=0,
        ),
    ),
)
_WORKERS = section(
    "Workers and partitions",
    row(
        5,
        stat(
            "Workers that answer", "Workers that Prometheus could scrape.", queries.WORKERS_UP, "none", noValue="none"
        ),
        stat(
            "Partitions not owned once",
            "Partitions that no worker reads, or more than one says it reads. Not zero in a rebalance.",
            queries.NOT_OWNED_ONCE,
            "none",
            thresholds=steps((None, GREEN), (1, RED)),
        ),
        states(
            "Completeness by worker",
            "Whether each worker holds every partition.",
            queries.COMPLETE_BY_WORKER,
            mapped({"1": "complete", "0": "incomplete"}, {"1": GREEN, "0": RED}),
        ),
        table(
            "Builds",
            "Which versions run. More than one: a release is under way.",
            [queries.BUILDS],
            {"version": "Version", "Value #A": "Workers"},
        ),
        widths=(4, 4, 8, 8),
    ),
    row(
        8,
        bars("Lag by partition", "Records behind, now.", queries.LAG_BY_PARTITION, "short"),
        timeseries("Partitions by worker", "Partitions that each worker reads.", queries.OWNED, "none", stacked=True),
        timeseries(
            "Age of checkpoints",
            "Time since the newest checkpoint, of the partition of each topic that has waited longest.",
            queries.CHECKPOINT_AGE,
            "s",
            min=0,
        ),
        timeseries("Batches", "Batches a second, by topic. More and smaller ones cost more.", queries.BATCHES, "ops"),
    ),
    row(
        8,
        timeseries("Scrape duration", "How long Prometheus takes to read a worker.", queries.SCRAPE_TIME, "s", min=0),
        timeseries("Rebalances", "Times that partitions were assigned anew.", queries.REBALANCES, "none", min=0),
        timeseries("Recoveries", "Times that a worker brought its state back.", queries.RECOVERIES, "none", min=0),
        timeseries(
            "Recovery time",
            "Mean time from assignment until the state was back and complete. No line: no recovery.",
            queries.RECOVERY_TIME,
            "s",
            noValue="no recovery",
        ),
        timeseries(
            "Folded events",
            "Events a second that are counted under other, because the budget of series is spent.",
            queries.FOLDED,
            "ops",
            min=0,
        ),
        widths=(4, 5, 5, 5, 5),
    ),
)
BOARD: Final = dashboard(
    "pipeline",
    "Pipeline",
    "Throughput, outcomes, lag, latency, dead letters, rebalances and recoveries of the workers.",
    (_RECORDS, _LATENCY, _WORKERS),
    (variables.DATASOURCE_CHOICE, variables.JOB_CHOICE, variables.INSTANCE, variables.TOPIC),
)
