"""The stage of customers in a worker process: the topic of contacts."""

from collections.abc import Callable

from pipeline.broker import Broker
from pipeline.customers_worker import CustomersWorker
from pipeline.ownership import Owner
from pipeline.restoring import Restorer
from pipeline.settings import Settings
from pipeline.telemetry import Telemetry
from streams.rules import RuleBook


class CustomersStage(Owner[CustomersWorker]):
    """What the transport runs over the topic of contacts. `failed` must end the process."""

    def __init__(
        self,
        settings: Settings,
        book: RuleBook,
        broker: Broker,
        telemetry: Telemetry,
        failed: Callable[[BaseException], None],
    ) -> None:
        topic = settings.contacts_topic

        def new_worker(partition: int) -> CustomersWorker:
            return CustomersWorker(topic, partition, book, restorer.connect)

        restorer = Restorer(settings, book, broker, topic, new_worker)
        super().__init__(settings, settings.customers_group, restorer, broker, telemetry, failed)
