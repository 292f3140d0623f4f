"""The way in from a terminal: an error becomes one line and an exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from latlas.cli import exporting as _exporting  # noqa: F401 - its commands join the app
from latlas.cli import judging as _judging  # noqa: F401
from latlas.cli import serving as _serving  # noqa: F401
from latlas.cli import uses as _uses  # noqa: F401
from latlas.cli.commands import app
from latlas.contracts import LatlasError

__all__ = ["app", "main"]

INTERRUPTED = 130
UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""The base of typer's errors, which older releases take from click and newer ones carry."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; an error becomes one line and an exit code.

    Exit codes: 0 done, 1 a failure of the work, 2 a mistake that the user can mend, 130 stopped
    with Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(given, prog_name="latlas", standalone_mode=False)
        if code == INTERRUPTED:  # newer releases of typer give the code instead of the error
            raise KeyboardInterrupt
    except (typer.Abort, KeyboardInterrupt):
        hint = " Go on with the same command and --resume." if given[:1] == ["fit"] else ""
        code = _fail(f"stopped.{hint}", INTERRUPTED, given)
    except UsageError as error:
        code = _fail(f"{error.format_message().rstrip('.?')}. Help: {_help_for(given)}", 2, given)
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except LatlasError as error:
        code = _fail(str(error), error.exit_code, given)
    except Exception as error:
        hint = "This is a defect of latlas; --debug shows where it happened."
        code = _fail(f"{type(error).__name__}: {error}. {hint}", 1, given)
    sys.exit(code if isinstance(code, int) else 0)


def _help_for(given: Sequence[str]) -> str:
    commands = {command.name or "" for command in app.registered_commands}
    commands |= {c.callback.__name__ for c in app.registered_commands if c.callback}
    return f"latlas {given[0]} --help" if given and given[0] in commands else "latlas --help"


def _fail(message: str, code: int, given: Sequence[str]) -> int:
    if "--debug" in given or os.environ.get("LATLAS_DEBUG"):
        raise  # noqa: PLE0704 - only called while an error is handled
    if "--json" in given:
        sys.stdout.write(json.dumps({"error": message, "exit_code": code}) + "\n")
    sys.stderr.write(f"latlas: {message}\n")
    return code
