"""One service: the same four questions, and what its processes stand on."""

from deploy.dashboards.panels import Chosen, Dashboard, Panel, PanelRow, Query, pace, quantile
from deploy.processes import SERVICES

OWN = 'service="$service"'
APP = 'app_name="$service"'
"""How FastStream's own metrics name it."""

NO_CONSUMER = "It reads no topic that it must settle"
NO_CALLS = "It answers no calls"
NO_RELAY = "It has no relay"

STUCK = PanelRow(
    "Is it stuck?",
    (
        Panel(
            "Processes that answer", "None: none runs, or Prometheus reaches none.", "processes",
            (Query(f"count(leadflow_pool_size_connections{{{OWN}}})"),), kind="number",
            alerts=("ServiceGone",),
        ),
        Panel(
            "Standstill", "For how long messages wait and none was committed.", "s",
            (Query(f"max(leadflow_progress_age_seconds{{{OWN}}})"),),
            kind="number", alerts=("StageStandsStill",), steps=(60, 300), when_empty=NO_CONSUMER,
        ),
        Panel(
            "What fails, and for how long", "A server that does not answer, or work in the background.", "s",
            (Query(f"max by (what) (leadflow_failing_seconds{{{OWN}}})", "{{what}}"),),
            alerts=("ServerFails",),
        ),
        Panel(
            "Silence of Kafka", "Since when it has said nothing, by topic.", "s",
            (Query(f"max by (topic) (leadflow_kafka_silence_seconds{{{OWN}}})", "{{topic}}"),),
            alerts=("KafkaSilent",), when_empty=NO_CONSUMER,
        ),
    ),
)  # fmt: skip

LATE = PanelRow(
    "Is it late?",
    (
        Panel(
            "Messages that wait", "The lag of its group, by topic.", "messages",
            (Query(f"sum by (topic) (leadflow_consumer_lag{{{OWN}}})", "{{topic}}"),),
            alerts=("LagGrows",), when_empty=NO_CONSUMER,
        ),
        Panel(
            "How long a message takes", "Which topic is slow, or has become so.", "s",
            (
                Query(
                    quantile(
                        0.99, "leadflow_kafka_received_processed_messages_duration_seconds", APP, "handler"
                    ),
                    "99 of 100: {{handler}}",
                ),
                Query(
                    quantile(
                        0.5, "leadflow_kafka_received_processed_messages_duration_seconds", APP, "handler"
                    ),
                    "half: {{handler}}",
                ),
            ),
            when_empty="It reads no topic, or nothing came",
        ),
        Panel(
            "Rows that it passed on", "By how they stand after it.", "rows/s",
            (Query(pace("leadflow_rows_total", OWN, "outcome"), "{{outcome}}"),),
            when_empty="It is no stage of the import",
        ),
        Panel(
            "Messages read", "By topic.", "messages/s",
            (Query(pace("leadflow_kafka_received_messages_total", APP, "handler"), "{{handler}}"),),
            when_empty="It reads no topic, or nothing came",
        ),
        Panel(
            "Messages in hand", "In hand for long and none read: it waits for something.", "messages",
            (Query(f"sum by (handler) (leadflow_kafka_received_messages_in_process{{{APP}}})", "{{handler}}"),),
            when_empty="It reads no topic, or nothing came",
        ),
        Panel(
            "How large messages are", "Above 1 MiB nothing passes.", "bytes",
            (Query(quantile(0.99, "leadflow_kafka_received_messages_size_bytes", APP, "handler"), "{{handler}}"),),
            when_empty="It reads no topic, or nothing came",
        ),
        Panel(
            "How long calls take", "99 of 100, by route. Streams of events last as long as their client reads.", "s",
            (
                Query(
                    quantile(0.99, "leadflow_http_request_seconds", f'{OWN},route!~".*/events"', "route"),
                    "{{route}}",
                ),
            ),
            alerts=("UploadsMissTheirObjective",), when_empty=NO_CALLS,
        ),
    ),
)  # fmt: skip

FAILS = PanelRow(
    "What fails in it?",
    (
        Panel(
            "Messages by how they were handled", "nacked: it comes again. error: nobody caught it.", "messages/s",
            (
                Query(
                    pace("leadflow_kafka_received_processed_messages_total", APP, "handler, status"),
                    "{{handler}}: {{status}}",
                ),
            ),
            when_empty="It reads no topic, or nothing came",
        ),
        Panel(
            "Errors of handlers", "By class.", "messages/s",
            (
                Query(
                    pace("leadflow_kafka_received_processed_messages_exceptions_total", APP, "exception_type"),
                    "{{exception_type}}",
                ),
            ),
            when_empty="None",
        ),
        Panel(
            "Attempts that come again", "By what failed; own is our code.", "attempts/s",
            (Query(pace("leadflow_retries_total", OWN, "topic, kind"), "{{kind}}: {{topic}}"),),
            when_empty="None",
        ),
        Panel(
            "Messages given up on", "To the dead letter.", "messages/s",
            (Query(pace("leadflow_dead_letters_total", OWN, "topic"), "{{topic}}"),),
            alerts=("BadDeploy", "DeadLetters"), when_empty="None",
        ),
        Panel(
            "Bad messages in a row", "Since one last went well. A process ends after 25.", "messages",
            (Query(f"max(leadflow_bad_messages_in_a_row{{{OWN}}})", "in a row"),),
            alerts=("BadDeploy",), when_empty="None",
        ),
        Panel(
            "Calls by route and status", "5xx is ours.", "calls/s",
            (Query(pace("leadflow_http_request_seconds_count", OWN, "route, status"), "{{status}} {{route}}"),),
            when_empty=NO_CALLS,
        ),
        Panel(
            "Refusals by code", "busy and unavailable are ours.", "calls/s",
            (Query(pace("leadflow_http_refused_total", OWN, "code"), "{{code}}"),),
            when_empty="None",
        ),
    ),
)  # fmt: skip

STANDS_ON = PanelRow(
    "Is it this service, or what it stands on?",
    (
        Panel(
            "Messages that it published", "By topic and status.", "messages/s",
            (
                Query(
                    pace("leadflow_kafka_published_messages_total", APP, "destination, status"),
                    "{{destination}}: {{status}}",
                ),
                Query(
                    pace("leadflow_kafka_published_messages_exceptions_total", APP, "exception_type"),
                    "{{exception_type}}",
                ),
            ),
            when_empty="It publishes nothing, or nothing came",
        ),
        Panel(
            "How long Kafka takes for a message", "All replicas in sync have it then.", "s",
            (
                Query(
                    quantile(0.99, "leadflow_kafka_published_messages_duration_seconds", APP, "destination"),
                    "{{destination}}",
                ),
            ),
            when_empty="It publishes nothing, or nothing came",
        ),
        Panel(
            "What its relay published, and what failed", "Events and chunks. What failed comes again.", "messages/s",
            (
                Query(pace("leadflow_outbox_published_total", OWN, "kind"), "published: {{kind}}"),
                Query(pace("leadflow_outbox_failed_total", OWN, "kind"), "failed: {{kind}}"),
            ),
            alerts=("OutboxOld",), when_empty=NO_RELAY,
        ),
        Panel(
            "Connections to PostgreSQL", "All of them for long: work waits for one.", "connections",
            (
                Query(f"sum(leadflow_pool_used_connections{{{OWN}}})", "in use"),
                Query(f"sum(leadflow_pool_size_connections{{{OWN}}})", "allowed"),
            ),
            alerts=("PoolExhausted",),
        ),
        Panel(
            "How long reading a file takes", "api alone. 99 of 100.", "s",
            (Query(quantile(0.99, "leadflow_reading_seconds"), "reading"),),
            alerts=("UploadsMissTheirObjective",),
        ),
        Panel(
            "Files that wait to be read", "api alone. For long: more processes of it, or more cores.", "files",
            (Query("sum(leadflow_reading_waiting)", "files"),),
        ),
        Panel(
            "How long the WhatsApp provider takes", "creator alone.", "s",
            (Query(quantile(0.99, "leadflow_provider_call_seconds", by="outcome"), "{{outcome}}"),),
            alerts=("ProviderFails",), when_empty="It is not asked",
        ),
        Panel(
            "Free disk for temporary files", "Of what the disk holds.", "percentunit",
            (Query(f"min(leadflow_scratch_free_ratio{{{OWN}}})", "free"),),
            alerts=("DiskNearlyFull",),
        ),
        Panel(
            "Certificates end in", "By the setting that names the file.", "dtdurations",
            (Query(f"min by (setting) (leadflow_certificate_end_timestamp_seconds{{{OWN}}}) - time()", "{{setting}}"),),
            alerts=("CertificateEnds",), when_empty="Kafka asks for none",
        ),
    ),
)  # fmt: skip

ONE_SERVICE = Dashboard(
    uid="leadflow-service",
    title="Leadflow: one service",
    says="Choose the service above. Its `/health/ready` says in words what it waits for; its log says why an attempt"
    " failed.",
    chosen=(Chosen("service", "Service", SERVICES),),
    rows=(STUCK, LATE, FAILS, STANDS_ON),
)
