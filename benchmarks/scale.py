"""What a stream costs in Redis, and the way from measured costs to many machines, on paper.

    python -m benchmarks.scale measure                  # needs redis-server and a C compiler
    python -m benchmarks.scale paper --cpu-ms 0.2       # arithmetic; assumptions are options

Knows a real Redis, one service, and arithmetic.
"""

import math
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
import typer

from benchmarks.http import cpu_seconds
from benchmarks.load import report
from benchmarks.load.client import Client, build
from benchmarks.load.corpus import post, write_requests
from benchmarks.streams import open_all, unroll
from tests.serving.streams.stores import redis_server
from tests.streams import write_stream_version

CLIENTS: Final = 64
cli = typer.Typer(add_completion=False, no_args_is_help=True)


@cli.command()
def measure(
    streams: Annotated[int, typer.Option(help="Streams that are opened.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="Of steps.")] = 10.0,
    hot: Annotated[int, typer.Option(help="Streams that the service holds as well.")] = 10_000,
) -> None:
    """Memory of Redis a stream, and what a step costs Redis and the service. LSTM(40)."""
    import redis

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(folder)
        models = folder / "models"
        write_stream_version(models, hidden=40)
        with (
            redis_server(folder) as url,
            unroll(folder, models, streams_url=url, hot_streams=str(hot)) as (port, process),
        ):
            client: Any = redis.Redis.from_url(url)
            server = psutil.Process(client.info("server")["process_id"])
            open_all(program, port, folder, 64)  # warm
            before = client.info("memory")["used_memory"]
            resident = process.memory_info().rss
            open_all(program, port, folder, streams, prefix="m")
            memory = (client.info("memory")["used_memory"] - before) / streams
            own = (process.memory_info().rss - resident) / streams
            steps = [post(f"/streams/m{n}/steps", {"values": [0.5]}) for n in range(1024)]
            ask = Client(program, port, write_requests(folder / "steps", steps))
            ask.closed(CLIENTS, 2.0)
            stats, cpu, used = client.info("stats"), cpu_seconds(process), cpu_seconds(server)
            answers = ask.closed(CLIENTS, seconds)
            count = len(answers.status)
            assert (answers.status == 200).all()
            cpu, used = cpu_seconds(process) - cpu, cpu_seconds(server) - used
            sent = {key: client.info("stats")[key] - stats[key] for key in _COUNTED}
    lines = [
        ("Redis: bytes a stream of an LSTM(40) (its state has 320)", f"{memory:.0f}"),
        ("the service: resident bytes a stream more", f"{own:.0f}"),
        ("steps a second, 64 clients", f"{count / seconds:.0f}"),
        ("CPU of the service a step, ms", f"{1000 * cpu / count:.3f}"),
        ("CPU of Redis a step, ms", f"{1000 * used / count:.4f}"),
        ("commands of Redis a step", f"{sent['total_commands_processed'] / count:.2f}"),
        ("bytes to Redis a step", f"{sent['total_net_input_bytes'] / count:.0f}"),
        ("bytes from Redis a step", f"{sent['total_net_output_bytes'] / count:.0f}"),
    ]
    typer.echo(report.table(("streams in Redis", "measured"), lines))
    load = psutil.getloadavg()[0]
    typer.echo(f"{streams} streams, {hot} held; {seconds:g} s, load {load:.1f}")


@cli.command()
def file(streams: Annotated[int, typer.Option(help="Streams that are opened.")] = 10_000) -> None:
    """Bytes of SQLite's files a stream of an LSTM(40), with one step each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_stream_version(folder / "models", hidden=40)
        with unroll(folder / "kept", folder / "models") as (port, _):
            open_all(build(folder), port, folder, streams)
        size = sum(each.stat().st_size for each in (folder / "kept").iterdir())
    typer.echo(f"SQLite: {size / streams:.0f} bytes a stream, of {streams}")


_COUNTED: Final = (
    *("total_commands_processed", "total_net_input_bytes", "total_net_output_bytes"),
)


@cli.command()
def paper(
    cpu_ms: Annotated[float, typer.Option(help="CPU of a request, milliseconds.")],
    rate: Annotated[float, typer.Option(help="Requests or steps a second.")] = 10_000,
    busy: Annotated[
        float, typer.Option(help="Share of its cores that a replica should use.")
    ] = 0.6,
    cores: Annotated[int, typer.Option(help="Cores of a replica.")] = 2,
    price: Annotated[float, typer.Option(help="Of a core for an hour, in any currency.")] = 0.04,
    streams: Annotated[int, typer.Option(help="Streams that are kept.")] = 0,
    redis_bytes: Annotated[float, typer.Option(help="Of Redis, a stream.")] = 0,
    redis_cpu_ms: Annotated[float, typer.Option(help="Of Redis, a step.")] = 0,
    memory_price: Annotated[float, typer.Option(help="Of a GiB of memory for an hour.")] = 0.005,
) -> None:
    """Cores, replicas, memory and money."""
    needed = rate * cpu_ms / 1000
    replicas = math.ceil(needed / (busy * cores)) + 1  # one may be missing
    gib = 2 * streams * redis_bytes / 2**30  # half of it for copies while it saves, and for growth
    hour = replicas * cores * price + gib * memory_price
    lines: list[tuple[str, str]] = [
        ("cores that compute", f"{needed:.1f}"),
        (f"replicas of {cores} cores, {busy:.0%} busy, and one more", f"{replicas}"),
        ("Redis: GiB, twice what the streams take", f"{gib:.1f}"),
        ("Redis: share of one core", f"{rate * redis_cpu_ms / 1000:.2f}"),
        ("an hour", f"{hour:.2f}"),
        ("a month of 730 hours", f"{730 * hour:,.0f}"),
        ("a million requests", f"{hour / (rate * 3600) * 1e6:.4f}"),
    ]
    typer.echo(report.table((f"{rate:,.0f} a second at {cpu_ms:g} ms", ""), lines))


if __name__ == "__main__":
    cli()
