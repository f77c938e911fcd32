"""The columns of the rolling windows, by the view that computes them. Inserts name them: the table may have more."""

KEY = ("scope", "tenant", "queue", "channel")

#: From `rolling_at`: the flows of a window and its mix.
WINDOW_COLUMNS = (
    "contact_count",
    "contact_total_count",
    "sync_contact_count",
    "public_contact_count",
    "inbound_message_count",
    "open_count",
    "arrived_count",
    "departed_count",
    "open_ms",
    "resolved_count",
    "reopened_count",
    "transferred_count",
    "escalated_functional_count",
    "escalated_hierarchical_count",
    "escalated_handoff_count",
    "escalated_regulatory_count",
    "escalated_exposure_count",
    "sla_met_count",
    "sla_missed_count",
    "first_response_histogram",
    "resolution_histogram",
    "drift",
)
#: From `standing_at`: the backlog at the window's end.
STANDING_COLUMNS = (
    "open_below_1h_count",
    "open_1h_to_4h_count",
    "open_4h_to_24h_count",
    "open_1d_to_7d_count",
    "open_7d_to_30d_count",
    "open_30d_to_90d_count",
    "open_over_90d_count",
    "oldest_since",
    "waiting_agent_count",
    "waiting_customer_count",
    "waiting_third_party_count",
    "sla_due_15m_count",
    "sla_due_60m_count",
)
