"""All of Leadflow on one page: the four questions of somebody who was just called."""

from deploy.dashboards.panels import Dashboard, Panel, PanelRow, Query, pace, quantile

STUCK = PanelRow(
    "Is anything stuck?",
    (
        Panel(
            "Alerts that fire", "What somebody is called for now. Nothing here: nobody is.", "alerts",
            (Query('count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}} ({{severity}})"),),
            kind="list", when_empty="No alert fires",
        ),
        Panel(
            "Oldest import in progress", "A huge import may take its time; one whose rows do not move is stuck.", "s",
            (Query("max(leadflow_import_age_seconds)"),),
            kind="number", alerts=("ImportStuck", "NobodyCounts"), steps=(300, 900),
        ),
        Panel(
            "Longest standstill of a stage", "For how long messages wait and none was committed.", "s",
            (Query("max(leadflow_progress_age_seconds)"),),
            kind="number", alerts=("StageStandsStill",), steps=(60, 300),
        ),
        Panel(
            "Oldest event in the outbox", "Seconds at most while one relay works.", "s",
            (Query("max(leadflow_outbox_age_seconds)"),),
            kind="number", alerts=("OutboxOld",), steps=(10, 60),
        ),
    ),
)  # fmt: skip

LATE = PanelRow(
    "What is late?",
    (
        Panel(
            "Messages that wait, by stage", "The lag of each group. It may rise with every upload; it must fall again.",
            "messages",
            (Query("sum by (service, topic) (leadflow_consumer_lag)", "{{service}}: {{topic}}"),),
            alerts=("LagGrows",),
        ),
        Panel(
            "Imports and chunks that wait", "What is not finished, what windows hold back, what no relay has sent.",
            "imports, chunks, events",
            (
                Query("max(leadflow_imports_in_progress)", "imports in progress"),
                Query("max by (service) (leadflow_chunks_waiting)", "chunks that wait for their window"),
                Query("max(leadflow_outbox_waiting)", "events in the outbox"),
            ),
        ),
        Panel(
            "How long imports last", "Of at most 5,000 rows. The objective: 99 of 100 within 30 s.", "s",
            (
                Query(quantile(0.99, "leadflow_import_seconds", 'size="usual"'), "99 of 100"),
                Query(quantile(0.5, "leadflow_import_seconds", 'size="usual"'), "half"),
            ),
            alerts=("ImportsMissTheirObjective", "ImportsMissTheirObjectiveSlowly"),
        ),
        Panel(
            "How long uploads take", "The objective: 999 of 1,000 answered within a second.", "s",
            (
                Query(
                    quantile(0.99, "leadflow_http_request_seconds", 'route="/import",method="POST"'), "99 of 100"
                ),
                Query(quantile(0.5, "leadflow_http_request_seconds", 'route="/import",method="POST"'), "half"),
            ),
            alerts=("UploadsMissTheirObjective", "UploadsMissTheirObjectiveSlowly"),
        ),
        Panel(
            "Share that missed its objective", "Of the last hour. May be 0.1% of uploads and 1% of imports in a month.",
            "percentunit",
            (
                Query("leadflow:uploads_missed:ratio_1h", "uploads"),
                Query("leadflow:imports_missed:ratio_1h", "imports"),
            ),
            when_empty="No upload within the hour",
        ),
    ),
)  # fmt: skip

FAILS = PanelRow(
    "What fails?",
    (
        Panel(
            "Dead letters that are open", "Chunks whose rows ended as errors, until they are repaired.", "chunks",
            (Query("max(leadflow_open_dead_letters)"),),
            kind="number", alerts=("DeadLetters",), steps=(1, 20),
        ),
        Panel(
            "Imports past their time", "For how long personal data of the oldest is kept longer than promised.",
            "dtdurations", (Query("max(leadflow_retention_overdue_seconds)"),),
            kind="number", alerts=("PersonalDataOverdue",), steps=(3_600, 86_400),
        ),
        Panel(
            "Rows that were deleted at the end of their time", "Of imports that ended long ago.", "rows/s",
            (Query(pace("leadflow_rows_emptied_total")),), when_empty="None",
        ),
        Panel(
            "Messages given up on", "Many at once, of one service: its new version is wrong.", "messages/s",
            (Query(pace("leadflow_dead_letters_total", by="service"), "{{service}}"),),
            alerts=("BadDeploy",), when_empty="None",
        ),
        Panel(
            "How rows end", "As the finalizer counts them. Many errors: their reasons are in the console.", "rows/s",
            (Query(pace("leadflow_rows_total", 'service="finalizer"', "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "How imports end", "FAILED: chunks of it went to the dead letter.", "imports",
            (Query("sum by (status) (increase(leadflow_imports_ended_total[$__rate_interval]))", "{{status}}"),),
        ),
        Panel(
            "Calls by status", "5xx is ours, 4xx the caller's; none: the caller went before the answer.", "calls/s",
            (Query(pace("leadflow_http_request_seconds_count", by="status"), "{{status}}"),),
        ),
        Panel(
            "Refusals by code", "quota_exceeded and token_invalid are the caller's; busy and unavailable are ours.",
            "calls/s",
            (Query(pace("leadflow_http_refused_total", by="code"), "{{code}}"),),
            when_empty="None",
        ),
    ),
)  # fmt: skip

WHOSE = PanelRow(
    "Is it us or a server?",
    (
        Panel(
            "Servers and work that fail", "For how long a process has had no answer, and from whom.", "s",
            (Query("max by (service, what) (leadflow_failing_seconds) > 0", "{{service}}: {{what}}"),),
            alerts=("ServerFails",), when_empty="All answer",
        ),
        Panel(
            "Attempts that come again, by what failed", "own is our code; all others are servers, or the way to them.",
            "attempts/s",
            (Query(pace("leadflow_retries_total", by="service, kind"), "{{service}}: {{kind}}"),),
            when_empty="None",
        ),
        Panel(
            "Silence of Kafka", "Since when it has said nothing to a consumer; it is asked ten times a second.", "s",
            (Query("max by (service) (leadflow_kafka_silence_seconds)", "{{service}}"),),
            alerts=("KafkaSilent",),
        ),
        Panel(
            "How long Kafka takes for a message", "99 of 100 publications, by service.", "s",
            (
                Query(
                    quantile(0.99, "leadflow_kafka_published_messages_duration_seconds", by="app_name"), "{{app_name}}"
                ),
            ),
        ),
        Panel(
            "Connections to PostgreSQL in use", "Of all that a process may have. At 100% work waits for one.",
            "percentunit",
            (
                Query(
                    "max by (service) (leadflow_pool_used_connections / leadflow_pool_size_connections)", "{{service}}"
                ),
            ),
            alerts=("PoolExhausted",),
        ),
        Panel(
            "Calls to the WhatsApp provider", "provider: it is away. throttled: it wants fewer. phone: one fails.",
            "calls/s",
            (Query(pace("leadflow_provider_call_seconds_count", by="outcome"), "{{outcome}}"),),
            alerts=("ProviderFails",), when_empty="It is not asked",
        ),
        Panel(
            "Processes that answer", "By service: fewer than there should be means that some are away.", "processes",
            (Query("count by (service) (leadflow_pool_size_connections)", "{{service}}"),),
            alerts=("ServiceGone",),
        ),
        Panel(
            "Free disk for temporary files", "Uploads are refused when it is full.", "percentunit",
            (Query("min by (service) (leadflow_scratch_free_ratio)", "{{service}}"),),
            kind="number", alerts=("DiskNearlyFull",), steps=(0.2, 0.1),
        ),
        Panel(
            "Numbers of sequences that are used up", "At 100% every insert of its table fails.", "percentunit",
            (Query("max(leadflow_sequence_used_ratio)"),),
            kind="number", alerts=("SequenceNearlyUsedUp",), steps=(0.5, 0.8),
        ),
        Panel(
            "First certificate to end", "Of those that services show to Kafka, or trust there.", "dtdurations",
            (Query("min(leadflow_certificate_end_timestamp_seconds) - time()"),),
            kind="number", alerts=("CertificateEnds",), steps=(30 * 86_400, 14 * 86_400),
            when_empty="Kafka asks for none",
        ),
    ),
)  # fmt: skip

OVERVIEW = Dashboard(
    uid="leadflow-overview",
    title="Leadflow: overview",
    says="Read the questions from above. What is red, or does not fall again, has its section of the runbook behind the"
    " panel's link; then **Leadflow: one service** shows where in it.",
    rows=(STUCK, LATE, FAILS, WHOSE),
)
