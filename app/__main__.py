"""The console script `unroll`, and `python -m app`. Knows nothing; `app.cli` has the commands."""

from app.cli.commands import cli


def main() -> None:
    """Run the command that the arguments name."""
    cli(prog_name="unroll")


if __name__ == "__main__":
    main()
