"""One import: what every stage did while it ran, and its trace."""

from deploy.dashboards.panels import Chosen, Dashboard, Panel, PanelRow, Query, pace, quantile

STUCK = PanelRow(
    "Is it stuck?",
    (
        Panel(
            "Imports in progress", "Of all companies.", "imports",
            (Query("max(leadflow_imports_in_progress)"),), kind="number",
        ),
        Panel(
            "Oldest import in progress", "This one, or one before it.", "s",
            (Query("max(leadflow_import_age_seconds)"),),
            kind="number", alerts=("ImportStuck",), steps=(300, 900),
        ),
        Panel(
            "Chunks that wait for their window", "They are not sent yet, so that no import starves another.", "chunks",
            (Query("max by (service) (leadflow_chunks_waiting)", "{{service}}"),),
        ),
        Panel(
            "Chunks sent again", "They had fallen silent: a message or its offset was lost.", "chunks/s",
            (Query(pace("leadflow_chunks_resent_total", by="service"), "{{service}}"),),
            when_empty="None",
        ),
    ),
)  # fmt: skip

WHERE = PanelRow(
    "Where are its rows?",
    (
        Panel(
            "Rows after each stage", "A stage that falls behind the one before it is where they are.", "rows/s",
            (Query(pace("leadflow_rows_total", by="service"), "{{service}}"),),
        ),
        Panel(
            "Messages that wait before each stage", "The lag of each group.", "messages",
            (Query("sum by (service) (leadflow_consumer_lag)", "{{service}}"),),
            alerts=("LagGrows",),
        ),
        Panel(
            "How long a stage takes for a chunk", "99 of 100.", "s",
            (
                Query(
                    quantile(
                        0.99, "leadflow_kafka_received_processed_messages_duration_seconds", by="app_name"
                    ),
                    "{{app_name}}",
                ),
            ),
        ),
        Panel(
            "Chunks and events that relays published", "Nothing while chunks wait: no relay works.", "messages/s",
            (Query(pace("leadflow_outbox_published_total", by="kind"), "{{kind}}"),),
            alerts=("OutboxOld",),
        ),
    ),
)  # fmt: skip

ENDED = PanelRow(
    "How did it end?",
    (
        Panel(
            "Rows by outcome", "Of all imports that ran then.", "rows/s",
            (Query(pace("leadflow_rows_total", 'service="finalizer"', "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Imports by status", "FAILED: chunks of it went to the dead letter, and can be replayed.", "imports",
            (Query("sum by (status) (increase(leadflow_imports_ended_total[$__rate_interval]))", "{{status}}"),),
            alerts=("DeadLetters",),
        ),
        Panel(
            "Attempts that failed meanwhile", "By stage and by what failed.", "attempts/s",
            (Query(pace("leadflow_retries_total", by="service, kind"), "{{service}}: {{kind}}"),),
            when_empty="None",
        ),
    ),
)  # fmt: skip

ONE_IMPORT = Dashboard(
    uid="leadflow-import",
    title="Leadflow: one import",
    says="Metrics name no import. Choose the time from its `created_at` to its `finished_at`, and write its id above:"
    " its trace is in the list, from the upload to the finished event. `leadflow imports inspect ID` says where each of"
    " its chunks is; lines of the log have its id in `subject`.",
    chosen=(Chosen("import_id", "Import"),),
    rows=(STUCK, WHERE, ENDED),
    since="now-15m",
    traces="leadflow.import_id=$import_id",
)
