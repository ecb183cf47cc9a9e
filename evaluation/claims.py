"""Every probability that Speedgate states, and what comes out of its own functions.

    python -m evaluation.claims                 docs/claims.md; half an hour, and it can be resumed
    python -m evaluation.claims --jobs 2        the same on two cores
    python -m evaluation.claims --minutes 20    as much of it as fits; the next call goes on
    python -m evaluation.claims --quick         two minutes; exits 1 where a claim is exceeded
    python -m evaluation.claims NAME...         only the claims whose name holds one of these words

A claim is a word that may be wrong, where it is stated, how often it may be, and a scene: made-up
nights or blocks, or rounds of the committed trials drawn again, whose truth is known. What is
judged goes through the functions that judge a real run. A claim is exceeded where what came out is
more than stated with 99% confidence. Each part of a claim is appended to a file as soon as it was
played; one of other code is played again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from evaluation.claim import HEAD, PARTS, Claim, Outcome, play
from evaluation.claim_list import claims
from evaluation.pages import write_page
from evaluation.trial_file import append_trial, trials_in

DOCUMENT = Path("docs/claims.md")
PARTS_FILE = Path("evaluation/trials/claims.jsonl")
QUICK_SECONDS = 110.0

Part = tuple[Claim, int]


def kept(chosen: Sequence[Claim], records: Sequence[dict[str, Any]]) -> dict[tuple[str, int], Any]:
    """Return the records of today's code and scenes, by the claim's id and the part's number."""
    rules = {claim.id: (claim.rule, claim.wanted) for claim in chosen}
    return {
        (record["claim"], record["part"]): record
        for record in records
        if rules.get(record["claim"]) == (record["rule"], record["wanted"])
    }


def outcomes(chosen: Sequence[Claim], records: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Return what came out of each claim by the parts that were kept."""
    known = kept(chosen, records)
    return [
        Outcome(
            claim,
            sum(record["wrong"] for (name, _), record in known.items() if name == claim.id),
            sum(record["occasions"] for (name, _), record in known.items() if name == claim.id),
        )
        for claim in chosen
    ]


def missing(chosen: Sequence[Claim], records: Sequence[dict[str, Any]]) -> Iterator[Part]:
    """Yield what is still to be played: a part of every claim, before any has the next one."""
    done = kept(chosen, records)
    for part in range(PARTS):
        for claim in chosen:
            if (claim.id, part) not in done:
                yield claim, part


def play_part(name: str, part: int) -> dict[str, Any]:
    """Play one part of the claim with this id; return its record."""
    claim = next(claim for claim in claims() if claim.id == name)
    began = time.monotonic()
    wrong, occasions = play(claim, part, -(-claim.wanted // PARTS))
    return {
        "claim": name,
        "part": part,
        "wrong": wrong,
        "occasions": occasions,
        "wanted": claim.wanted,
        "rule": claim.rule,
        "seconds": round(time.monotonic() - began, 2),
    }


def run(chosen: Sequence[Claim], minutes: float, jobs: int, path: Path = PARTS_FILE) -> None:
    """Play what is missing, and append each part to the file; begin no more after ``minutes``."""
    end = time.monotonic() + 60 * minutes
    todo = list(missing(chosen, trials_in(path)))
    print(f"{len(todo)} of {PARTS * len(chosen)} parts to play", file=sys.stderr)
    if jobs == 1:
        for claim, part in todo:
            if time.monotonic() > end:
                return
            append_trial(path, play_part(claim.id, part))
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(play_part, claim.id, part) for claim, part in todo]
        for future in as_completed(futures):
            if not future.cancelled():
                append_trial(path, future.result())
            if time.monotonic() > end:
                pool.shutdown(wait=False, cancel_futures=True)


def quick(chosen: Sequence[Claim]) -> list[Outcome]:
    """Play each claim for its share of two minutes, and print it."""
    end, played = time.monotonic() + QUICK_SECONDS, []
    shown = [claim for claim in chosen if claim.in_quick]
    for position, claim in enumerate(shown):
        # Of what is left: a trial that is longer than its share costs the claims that follow.
        seconds = (end - time.monotonic()) / (len(shown) - position)
        played.append(Outcome(claim, *play(claim, 0, claim.wanted, seconds)))
        print(played[-1].row, flush=True)
    return played


def document(rows: Sequence[str]) -> str:
    lines = [
        "# What is stated, and what comes out",
        "",
        "Does each probability that the pages state hold on scenes whose truth is known? Made by "
        "`python -m evaluation.claims`, from the parts in `evaluation/trials/claims.jsonl`. "
        "Trials are drawn again from the machine whose fresh processes differ most. "
        "`--quick` makes fewer repeats; a part of a name or of a scene chooses claims. Each claim "
        "goes through the functions that judge a real run. It is exceeded if more came out than "
        "stated, with 99% confidence; each has the repeats to see twice the stated rate. Beside "
        "none stands the rate that may hide behind it, with 95% confidence.",
        "",
        *HEAD,
        *rows,
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m evaluation.claims", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="NAME", help="only the claims with this word")
    parser.add_argument("--quick", action="store_true", help="two minutes for all; nothing is kept")
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="begin no more parts after these"
    )
    parser.add_argument("--jobs", type=int, default=1, help="so many parts at once (1)")
    options = parser.parse_args()
    chosen = [
        claim
        for claim in claims()
        if not options.words
        or any(word in f"{claim.name}, {claim.scene}" for word in options.words)
    ]
    if not chosen:
        parser.error("no claim has this word in its name or its scene; docs/claims.md lists them")
    print("\n".join(HEAD))
    if options.quick:
        results = quick(chosen)
    else:
        run(chosen, options.minutes, options.jobs)
        results = outcomes(chosen, trials_in(PARTS_FILE))
        print("\n".join(result.row for result in results))
        if not options.words:
            write_page(DOCUMENT, document([result.row for result in results]))
    return int(any(result.is_exceeded for result in results))


if __name__ == "__main__":
    sys.exit(main())
