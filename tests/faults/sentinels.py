"""A Relevo on a replicated Redis: a primary, a replica, and three sentinels, all on loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

from redis import Redis
from redis.exceptions import RedisError
from redis.sentinel import MasterNotFoundError, Sentinel

from tests.conftest import RedisServer, free_port
from tests.stack import Stack

NAME = "relevo"
_CONFIG = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {name} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {name} 1000
sentinel failover-timeout {name} 6000
sentinel parallel-syncs {name} 1
"""


class ReplicatedStack(Stack):
    """As Stack; its processes find Redis by its sentinels, and `db` is the primary of the moment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, **settings)
        self.replica = RedisServer(_folder(folder, "replica"), aof="everysec")
        self.replica.args += ["--replicaof", "127.0.0.1", str(self.redis.port)]
        self.redis.args += ["--repl-diskless-sync-delay", "0"]
        self.replica.args += ["--repl-diskless-sync-delay", "0"]
        self._ports = [free_port() for _ in range(3)]
        self._sentinels: list[subprocess.Popen[bytes]] = []
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self.settings |= {"REDIS_URL": "", "REDIS_SENTINEL_HOSTS": hosts, "REDIS_SENTINEL_NAME": NAME}
        self._asked = Sentinel([("127.0.0.1", port) for port in self._ports], socket_timeout=1)

    def start_redis(self) -> None:
        self.redis.start()
        self.replica.start()
        for port in self._ports:
            self._run_sentinel(port)
        self.wait_until(self._agreed, "three sentinels that know each other and the replica")

    def primary(self) -> RedisServer | None:
        """The server that the sentinels call primary; None while they look for one."""
        try:
            port = self._asked.discover_master(NAME)[1]
        except MasterNotFoundError:
            return None
        return self.redis if port == self.redis.port else self.replica

    def db(self) -> Redis:
        return cast("Redis", self._asked.master_for(NAME, socket_timeout=2))

    def stop(self) -> None:
        super().stop()
        self.replica.close()
        for sentinel in self._sentinels:
            sentinel.kill()
            sentinel.wait()

    def _run_sentinel(self, port: int) -> None:
        folder = _folder(self.folder, f"sentinel-{port}")
        config = folder / "sentinel.conf"
        config.write_text(_CONFIG.format(port=port, folder=folder, name=NAME, primary=self.redis.port))
        binary = shutil.which("redis-server") or str(Path(sys.executable).parent / "redis-server")
        self._sentinels.append(
            subprocess.Popen([binary, str(config), "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    def _agreed(self) -> bool:
        for port in self._ports:
            try:
                with Redis(port=port) as sentinel:
                    found = sentinel.sentinel_master(NAME)
            except RedisError:
                return False
            if found["num-other-sentinels"] < 2 or found["num-slaves"] < 1:
                return False
        return True


def _folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made
