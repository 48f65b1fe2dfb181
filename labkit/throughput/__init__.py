"""Put a clock to queues: items per second and seconds per item, of any transport.

``compare`` measures several transports in one interleaved run and keeps every repeat;
``costs.fit`` makes a line of what it found; ``Transport`` is what to write for one of
your own.
"""

from labkit.throughput import costs
from labkit.throughput.measurement import Measurement
from labkit.throughput.runner import compare, measure
from labkit.throughput.transports import SPAWN, TRANSPORTS, Transport

__all__ = ["SPAWN", "TRANSPORTS", "Measurement", "Transport"]
__all__ += ["compare", "costs", "measure"]
