"""The command line itself: which commands there are, and what one that fails says."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import speedgate
from speedgate.builds.build import BuildError
from speedgate.commands.accept import add_accept_command
from speedgate.commands.advise import add_advise_command
from speedgate.commands.arguments import notify
from speedgate.commands.bisect import add_bisect_command
from speedgate.commands.census import add_census_command
from speedgate.commands.check import add_check_command
from speedgate.commands.comment import add_comment_command
from speedgate.commands.compare import add_compare_command
from speedgate.commands.duel import add_duel_command
from speedgate.commands.exchange import add_export_command, add_import_command
from speedgate.commands.history import add_history_command
from speedgate.commands.map import add_map_command
from speedgate.commands.page import add_page_command
from speedgate.commands.plot import add_plot_command
from speedgate.commands.ready import add_ready_command
from speedgate.commands.report import add_report_command
from speedgate.commands.scale import add_scale_command
from speedgate.commands.selftest import add_selftest_command
from speedgate.commands.serve import add_serve_command
from speedgate.commands.since import add_since_command
from speedgate.commands.streams import lead_nowhere, make_safe
from speedgate.history.format import HistoryError
from speedgate.history.store import StoreError
from speedgate.measuring.children import termination_as_interrupt
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.measuring.selection import OptionError, nearest, proposal
from speedgate.measuring.turn import TURN, MachineTaken
from speedgate.page.folder import SiteError
from speedgate.report.exit_code import ExitCode, code_of, with_remedy
from speedgate.report.text import write_plain_marks

# In the order of the overview: each adds one command.
COMMANDS: tuple[Callable[[Any], None], ...] = (
    add_report_command,
    add_page_command,
    add_plot_command,
    add_serve_command,
    add_map_command,
    add_census_command,
    add_advise_command,
    add_scale_command,
    add_compare_command,
    add_comment_command,
    add_history_command,
    add_accept_command,
    add_check_command,
    add_duel_command,
    add_bisect_command,
    add_since_command,
    add_selftest_command,
    add_ready_command,
    add_import_command,
    add_export_command,
)
# What is said without a traceback.
REFUSALS = (
    BuildError,
    HistoryError,
    MeasurementError,
    OptionError,
    SiteError,
    StoreError,
    MachineTaken,
    MemoryError,
    OSError,
)
EXAMPLES = """\
examples:
  pytest bench/                              measure, judge, save: three minutes
  speedgate report                           show the newest run again
  speedgate scale tests/ --threads 2         do a project's benchmarks scale?
  speedgate compare A B                      two runs, environments or folders
  speedgate duel numpy==2.3.5 numpy==2.4.6   two builds in turn: 13 minutes
  speedgate COMMAND --help                   every option of a command
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code (docs/exit-codes.md)."""
    make_safe()
    write_plain_marks(sys.stdout, sys.stderr)
    words = list(sys.argv[1:] if arguments is None else arguments)
    top, commands = parser()
    if not words:
        top.print_help()
        return 0
    if (mistyped := unknown_command(words, list(commands))) is not None:
        notify(mistyped)
        return ExitCode.NOT_DONE
    options = parse(top, commands, words)
    try:
        with termination_as_interrupt(), told_at_the_limit():
            code: int = options.run(options)
            sys.stdout.flush()
    except REFUSALS as error:
        notify(f"speedgate {options.command}: {with_remedy(error)}")
        drop_what_cannot_be_written()
        return code_of(error)
    except KeyboardInterrupt:
        print(f"speedgate {options.command}: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001  # Python would end with 1, which says that the answer is bad
        traceback.print_exc()
        notify(f"speedgate {options.command}: an error of Speedgate's own: please report it")
        return ExitCode.INTERNAL
    finally:
        TURN.release()
    return code


def parse(
    top: argparse.ArgumentParser,
    commands: Mapping[str, argparse.ArgumentParser],
    words: Sequence[str],
) -> argparse.Namespace:
    """Return the options; a word that nothing takes ends with the usage of the command, and for an
    option with the nearest that there is."""
    options, extra = top.parse_known_args(words)
    asked = top if options.command is None else commands[options.command]
    if extra:
        asked.error(unknown_argument(extra[0], asked))
    if options.command is None:
        top.error("name a command")
    return options


def unknown_argument(word: str, asked: argparse.ArgumentParser) -> str:
    """Return what to say of a word that a command does not take."""
    if not word.startswith("-"):
        return f"'{word}' is one argument too many"
    name = word.partition("=")[0]
    options = list(asked._option_string_actions)  # argparse lists them nowhere else
    # Without their dashes: all have them, so that any two would seem to agree.
    by_name = {option.lstrip("-"): option for option in options}
    near = nearest(name.lstrip("-"), by_name)
    remedy = f"; did you mean '{by_name[near]}'?" if near is not None else ""
    return f"there is no option '{name}'{remedy}"


def unknown_command(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return what to say of a first word that is no command, with the nearest that is one."""
    word = words[0]
    if word in names or word.startswith("-"):
        return None
    remedy = proposal(word, names, "'speedgate --help'")
    return f"speedgate: '{word}' is not a command; {remedy}"


def drop_what_cannot_be_written() -> None:
    """Keep a full disk below the output from being named a second time, in a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        lead_nowhere(sys.stdout.fileno())


def parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser of the command line, and those of the commands by their names."""
    top = argparse.ArgumentParser(
        prog="speedgate",
        description="Do NumPy's threads really run side by side: on this machine, in this\n"
        "build, since last night?",
        epilog=EXAMPLES,
        formatter_class=narrow_names,
    )
    top.add_argument("--version", action="version", version=f"speedgate {speedgate.__version__}")
    add_completion(top)
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for add_command in COMMANDS:
        add_command(commands)
    return top, commands.choices


def narrow_names(prog: str) -> argparse.HelpFormatter:
    """Return what lays the overview out: most commands take one line of 80 columns."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=14)


def add_completion(top: argparse.ArgumentParser) -> None:
    """Offer the completion of shells where shtab (the extra ``completion``) is installed."""
    try:
        import shtab  # noqa: PLC0415  # an extra
    except ImportError:
        return
    shtab.add_argument_to(
        top, ["--print-completion"], help="print a completion script: --print-completion bash"
    )
