"""A client of ShardKV, a sharded, replicated in-memory key-value store.

from shardkv import Client

with Client("shardmap.json") as client:
    client.set("key", "value", ttl=60)
    client.get("key")
"""

from .blocking import Client
from .client import AsyncClient, Entry
from .cluster import Options
from .consistency import Consistency
from .errors import (
    BatchError,
    IndeterminateWriteError,
    ReplicaFailure,
    RetryBudgetExhaustedError,
    ShardKVError,
    ShardMapError,
)
from .shard_map import ShardMap
from .status import Reason, StatusCode
from .versions import Version

__all__ = [
    "AsyncClient",
    "BatchError",
    "Client",
    "Consistency",
    "Entry",
    "IndeterminateWriteError",
    "Options",
    "Reason",
    "ReplicaFailure",
    "RetryBudgetExhaustedError",
    "ShardKVError",
    "ShardMap",
    "ShardMapError",
    "StatusCode",
    "Version",
]
