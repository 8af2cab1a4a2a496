"""What several workers refuse, and what each of them gets."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.errors import SetupError
from gateway.house.crew import refuse_unfit, settings_of_worker
from gateway.http.crew import joined
from gateway.settings import (
    EngineSettings,
    FleetSettings,
    LimitSettings,
    ModelSettings,
    NodesSettings,
    PolicySettings,
    RedisSettings,
    RemoteEngineSettings,
    ServerSettings,
    Settings,
)
from gateway.workers.supervisor import bind_all, delay_seconds, refuse_moved

FIT = Settings(
    server=ServerSettings(workers=2),
    engine=EngineSettings(kind="openai-http", url="http://127.0.0.1:1", slots=5, queue=9),
    limits=LimitSettings(redis=RedisSettings(url="redis://r:6379")),
)
REMOTE = RemoteEngineSettings(name="far", model="m", url="https://far", slots=1)


def test_one_worker_may_do_everything_and_two_what_is_fit() -> None:
    refuse_unfit(Settings())
    refuse_unfit(FIT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limits": LimitSettings()}, "limits.redis.url is empty: only Redis lets several count together"),
        ({"engine": EngineSettings()}, "load models itself"),
        ({"fleet": FleetSettings(models=(ModelSettings(model="m"),))}, "load models itself"),
        ({"nodes": NodesSettings(listen="0.0.0.0:9")}, "nodes.listen"),
        ({"server": ServerSettings(workers=2, admin_api=True)}, "server.admin_api"),
        ({"policy": PolicySettings(url="http://127.0.0.1:8181")}, "policy.url"),
        ({"server": ServerSettings(workers=6)}, "engine.slots has fewer slots"),
        ({"fleet": FleetSettings(engines=(REMOTE,))}, "fleet.engines far has fewer slots"),
    ],
)
def test_what_several_cannot_do_right_is_refused_in_one_line(change: dict[str, object], words: str) -> None:
    with pytest.raises(SetupError, match=words) as refusal:
        refuse_unfit(replace(FIT, **change))
    assert refusal.value.exit_code == 2
    assert "\n" not in str(refusal.value)


def test_workers_share_slots_and_queue_and_have_names_and_folders_of_their_own() -> None:
    parts = [settings_of_worker(FIT, name) for name in ("w1", "w2")]
    assert [each.engine.slots for each in parts] == [2, 2]
    assert [each.engine.queue for each in parts] == [4, 4]
    assert [each.origin for each in parts] == ["site/node/w1", "site/node/w2"]
    assert [each.run for each in parts] == [FIT.run / "w1", FIT.run / "w2"]
    assert {each.data for each in parts} == {FIT.data}


def test_short_lives_are_followed_by_longer_and_longer_waits() -> None:
    assert [delay_seconds(failures) for failures in (0, 1, 2, 3, 99)] == [0.0, 0.25, 0.5, 1.0, 10.0]


def test_an_address_that_somebody_has_is_refused_also_where_he_would_share_it(free_port: int) -> None:
    listen = f"127.0.0.1:{free_port}"
    sockets = bind_all(listen, 2)
    sockets[0].listen()
    with pytest.raises(SetupError, match="Nothing can listen"):
        bind_all(listen, 2)
    for each in sockets:
        each.close()


def test_settings_that_all_processes_share_cannot_change_while_they_run() -> None:
    refuse_moved(FIT, replace(FIT, server=replace(FIT.server, max_depth=9)))
    with pytest.raises(SetupError, match=r"server\.workers cannot change"):
        refuse_moved(FIT, replace(FIT, server=replace(FIT.server, workers=3)))


def test_metrics_of_several_are_one_text_with_each_family_once() -> None:
    one = '# HELP a_total A.\n# TYPE a_total counter\na_total{code="x"} 1\n'
    text = joined({"w1": one, "w2": one.replace(" 1\n", " 2\n")}).decode()
    assert text.count("# TYPE a_total counter") == 1
    assert 'a_total{code="x",worker="w1"} 1.0' in text
    assert 'a_total{code="x",worker="w2"} 2.0' in text
    assert "sekisho_workers 2.0" in text
