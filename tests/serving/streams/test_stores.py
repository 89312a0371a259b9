"""What every store promises, asked of all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from app.errors import StoreFailed, StreamExpired, StreamNotFound, TooManyStreams
from app.serving.streams.records import Answer, Kept, Key, Record, now
from app.serving.streams.store import Commit, Store
from tests.serving.streams.stores import NO_REDIS, REDIS, record, redis_server, store_of

KEY = Key("", "pump-7")
Run: TypeAlias = Callable[[Callable[[Store], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if REDIS is None:
        pytest.skip(NO_REDIS)
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Runs a coroutine with a store that is empty at first."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""

    def call(scenario: Callable[[Store], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            store = store_of(request.param, tmp_path / "streams", url)
            await store.open()
            try:
                return await scenario(store)
            finally:
                await store.close()

        return asyncio.run(inside())

    yield call
    if request.param == "redis":
        import redis

        with redis.Redis.from_url(url) as client:
            client.flushall()


def stepped(before: Record, content: bytes = b'"steps":[1]', **changes: Any) -> Record:
    """One step further."""
    answer = Answer(before.position, 1, b"digest", before.version, content)
    return replace(before, position=before.position + 1, state=b"after", answer=answer, **changes)


def test_a_stream_is_kept_as_it_is(run: Run) -> None:
    async def scenario(store: Store) -> None:
        first = record()
        with pytest.raises(StreamNotFound):
            await store.load(KEY)
        assert await store.create(KEY, first, 10) is None
        assert await store.load(KEY) == first
        assert await store.create(KEY, record(), 10) == first
        second = stepped(first, b"\x00\xff")
        assert await store.commit(Commit(KEY, first, second))
        assert await store.load(KEY) == second
        third = stepped(second).moved(version="2", digest="e", policy="replay", expires=now() + 99)
        assert await store.commit(Commit(KEY, second, third))
        assert await store.load(KEY) == third
        assert await store.count() == 1
        assert await store.delete(KEY)
        assert not await store.delete(KEY)
        with pytest.raises(StreamNotFound) as caught:
            await store.load(KEY)
        assert not isinstance(caught.value, StreamExpired)
        assert await store.count() == 0
        assert not await store.commit(Commit(KEY, third, stepped(third)))

    run(scenario)


def test_only_one_of_many_takes_the_same_step(run: Run) -> None:
    async def scenario(store: Store) -> None:
        first = record()
        await store.create(KEY, first, 10)
        other = Key("", "other")
        await store.create(other, record(), 10)
        commits = [
            store.commit(Commit(KEY, first, stepped(first, b"%d" % number))) for number in range(20)
        ]
        done = await asyncio.gather(*commits)
        assert sum(done) == 1
        kept = await store.load(KEY)
        assert kept.answer is not None
        assert kept.answer.content == b"%d" % done.index(True)
        # A stream that was made anew is another one, also at the same position.
        await store.delete(KEY)
        await store.create(KEY, record(), 10)
        assert not await store.commit(Commit(KEY, first, stepped(first)))

    run(scenario)


def test_many_streams_take_steps_at_once(run: Run) -> None:
    async def scenario(store: Store) -> None:
        keys = [Key("", f"many-{number}") for number in range(100)]
        records = {key: record() for key in keys}
        await asyncio.gather(*[store.create(key, records[key], 1000) for key in keys])
        for _ in range(3):
            after = {key: stepped(records[key], key.name.encode()) for key in keys}
            commits = [store.commit(Commit(key, records[key], after[key])) for key in keys]
            assert all(await asyncio.gather(*commits))
            records = after
        wrong = Commit(keys[0], record(), stepped(record()))
        right = [Commit(key, records[key], stepped(records[key])) for key in keys[1:]]
        done = await asyncio.gather(*[store.commit(each) for each in (wrong, *right)])
        assert done == [False, *[True] * 99]
        records = {key: await store.load(key) for key in keys}
        commits_of_all = [Commit(key, records[key], stepped(records[key])) for key in keys[1:]]
        odd = Commit(keys[0], record(), stepped(record()), forget_before=1)
        assert await store.commit_all([odd, wrong, *commits_of_all]) == [False] * 2 + [True] * 99
        for key in keys[1:]:
            assert (await store.load(key)).position == 5
        assert (await store.load(keys[0])).position == 3

    run(scenario)


def test_streams_expire_and_that_is_remembered(run: Run) -> None:
    async def scenario(store: Store) -> None:
        over = record(expires=now() - 1)
        await store.create(KEY, over, 10)
        with pytest.raises(StreamExpired):
            await store.load(KEY)
        assert not await store.delete(KEY)
        assert await store.page("", model=None, after="", limit=9) == []
        await store.create(Key("", "alive"), record(), 10)
        assert await store.expire(10) == 1
        assert await store.expire(10) == 0
        assert await store.count() == 1
        with pytest.raises(StreamExpired):
            await store.load(KEY)
        fresh = record()
        assert await store.create(KEY, fresh, 10) is None
        assert await store.load(KEY) == fresh

    run(scenario)


def test_an_expired_stream_makes_room_for_one_of_its_name(run: Run) -> None:
    async def scenario(store: Store) -> None:
        await store.create(KEY, record(expires=now() - 1), 1, [Kept(0, 1, b"old")])
        fresh = record(version="2")
        assert await store.create(KEY, fresh, 1) is None
        assert await store.kept(KEY) == []
        assert not await store.holds("lstm", "1")
        assert await store.holds("lstm", "2")
        with pytest.raises(TooManyStreams):
            await store.create(Key("", "second"), record(), 1)

    run(scenario)


def test_lists_are_by_owner_and_in_order(run: Run) -> None:
    async def scenario(store: Store) -> None:
        for name in ("c", "a", "B", "d.1", "b"):
            model = "gru" if name == "b" else "lstm"
            await store.create(Key("me", name), record(model=model, position=ord(name[0])), 99)
        await store.create(Key("you", "e"), record(), 99)

        async def names(**options: Any) -> list[str]:
            asked: dict[str, Any] = {"model": None, "after": "", "limit": 99} | options
            return [each.name for each in await store.page("me", **asked)]

        assert await names() == ["B", "a", "b", "c", "d.1"]
        assert await names(limit=2) == ["B", "a"]
        assert await names(after="a", limit=2) == ["b", "c"]
        assert await names(model="gru") == ["b"]
        assert await names(after="d.1") == []
        [first] = await store.page("me", model=None, after="c", limit=9)
        assert (first.name, first.model, first.position) == ("d.1", "lstm", ord("d"))
        assert [each.name for each in await store.page("you", model=None, after="", limit=9)] == [
            "e"
        ]

    run(scenario)


def test_inputs_are_kept_until_they_are_forgotten(run: Run) -> None:
    async def scenario(store: Store) -> None:
        before = record(policy="replay")
        await store.create(KEY, before, 10, [Kept(0, 1, b"first")])
        for number in range(12):
            after = stepped(before)
            kept = Kept(before.position, 1, b"%d:" % number)
            forget = before.position - 3 if before.position > 3 else None
            assert await store.commit(Commit(KEY, before, after, kept, forget))
            before = after
        found = await store.kept(KEY)
        assert [each.start for each in found] == [8, 9, 10, 11]
        assert found[-1] == Kept(11, 1, b"11:")
        await store.delete(KEY)
        assert await store.kept(KEY) == []

    run(scenario)


def test_which_versions_are_held(run: Run) -> None:
    async def scenario(store: Store) -> None:
        first = record(model="lstm.model")
        assert not await store.holds("lstm", "1")
        await store.create(KEY, first, 10)
        assert await store.holds("lstm", "1")
        assert not await store.holds("lstm", "2")
        second = first.moved(policy="replay")
        await store.commit(Commit(KEY, first, second))
        assert not await store.holds("lstm", "1")
        third = second.moved(policy="pin", version="2")
        await store.commit(Commit(KEY, second, third))
        assert await store.holds("lstm", "2")
        await store.delete(KEY)
        assert not await store.holds("lstm", "2")

    run(scenario)


def test_the_secret_stays(run: Run) -> None:
    async def scenario(store: Store) -> bytes:
        secret = await store.secret()
        assert len(secret) == 32
        assert await store.secret() == secret
        return secret

    run(scenario)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_what_is_kept_outlives_the_process(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("redis_url") if kind == "redis" else ""
    first = record()

    async def once(again: bool) -> bytes:
        store = store_of(kind, tmp_path, url)
        if again:
            assert await store.load(KEY) == first
        else:
            await store.create(KEY, first, 10)
        secret = await store.secret()
        await store.close()
        return secret

    assert asyncio.run(once(False)) == asyncio.run(once(True))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    async def scenario() -> None:
        store = store_of("sqlite", tmp_path / "file" / "streams")
        assert await store.count() == 0
        with pytest.raises(StoreFailed, match="cannot be kept"):
            await store.create(KEY, record(), 10)
        await store.close()

    asyncio.run(scenario())


def test_a_redis_that_is_gone_is_told() -> None:
    async def scenario() -> None:
        store = store_of("redis", Path(), "redis://127.0.0.1:1/0")
        for call in (store.create(KEY, record(), 10), store.load(KEY), store.count()):
            with pytest.raises(StoreFailed):
                await call
        await store.close()

    asyncio.run(scenario())
