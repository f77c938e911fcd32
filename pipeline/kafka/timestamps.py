"""The clock behind a topic's timestamps, and the consequences if it is the producers'."""

from pipeline.kafka.admin import LOG_APPEND_TIME, KafkaAdmin


def producers_clock(broker: KafkaAdmin, topic: str) -> str:
    """Return the consequences of producers' timestamps; '' if the topic's are the broker's. Raises BrokerError."""
    return "" if broker.timestamp_type(topic) == LOG_APPEND_TIME else cost_of_producers_clocks(topic)


def cost_of_producers_clocks(topic: str) -> str:
    """Return the consequences of producers' timestamps, as a message for the operator."""
    return (
        f"the timestamps of {topic} are the producers' own (CreateTime), so an event is clamped to its own producer's "
        "clock at most: where that one is ahead, it leads its partition's watermark into the future. Let Apache Kafka "
        f"stamp the records: kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config "
        "message.timestamp.type=LogAppendTime (the embedded broker cannot)"
    )
