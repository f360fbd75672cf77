"""`python -m tools.rules test|mutate|render`: test the rules, test their tests, write what is made from them."""

from __future__ import annotations

import argparse
import sys

from tools.rules import mutation, pack, promtool, render, suite, survivors
from tools.rules.sandbox import Sandbox


def main() -> int:
    """Run one verb."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.verb(arguments))
    except (ValueError, promtool.PromtoolMissingError) as error:
        sys.stderr.write(f"tools.rules: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.rules", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    test = verbs.add_parser("test", help="run the tests of the rules")
    test.add_argument("--alert", action="append", default=[], metavar="NAME", help="only this alert's test file")
    test.set_defaults(verb=_test)
    mutate = verbs.add_parser("mutate", help="damage the rules and see whether the tests notice")
    mutate.add_argument("--alert", action="append", default=[], metavar="NAME", help="only this rule and what it reads")
    mutate.add_argument("--sample", type=int, metavar="N", help="only so many, chosen at random")
    mutate.add_argument("--seed", type=int, default=0, help="another choice (default 0)")
    mutate.add_argument("--write", action="store_true", help="put the table into rules/README.md")
    mutate.set_defaults(verb=_mutate)
    write = verbs.add_parser("render", help="write the manifest and the operator's resource")
    write.add_argument("--check", action="store_true", help="write nothing, say what is not current")
    write.set_defaults(verb=lambda arguments: render.run(check=arguments.check))
    return parser


def _test(arguments: argparse.Namespace) -> int:
    return 1 if suite.run(promtool.find(), arguments.alert) else 0


def _mutate(arguments: argparse.Namespace) -> int:
    choice = mutation.Choice(tuple(arguments.alert), arguments.sample, arguments.seed, arguments.write)
    return mutation.run(Sandbox(pack.load(), promtool.find()), pack.load_tests(), choice, survivors.load())


if __name__ == "__main__":
    sys.exit(main())
