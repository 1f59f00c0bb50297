"""How long the commands take to say what they can do, against Python that imports click.

Baseline: `python -c "import click"`, the least that a command of this kind can take. Each side is
a process of its own; medians of runs taken in turns. Checked: `--help` of each command lists its
options or commands, and neither imports torch.
"""

import argparse
import subprocess
import sys

from measuring import Rows, at_most_more, medians_in_turns, refuse_difference, seconds

MOST_MORE = 0.3
BASELINE = "import click"
COMMANDS = {
    "vpo-build --help": "from vpo_builder.commands.vpo_build import build_command as main",
    "vpo-data --help": "from vpo_builder.commands.vpo_data import data_command as main",
    "avs-bench --help": "from avs_bench.commands.main import main",
}
HELP = "main(['--help'])"
HELP_THEN_MODULES = """
import sys
main(['--help'], standalone_mode=False)
print('\\ntorch imported:', 'torch' in sys.modules)
"""


def run(program: str) -> str:
    """Run a program in a new Python and return what it printed."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def check(name: str, imports: str) -> None:
    """End the program unless the command helps, and does so without torch."""
    text = run(imports + HELP_THEN_MODULES)
    refuse_difference(f"{name}: shows its usage", "Usage:" in text, True)
    refuse_difference(f"{name}: imports torch", "torch imported: True" in text, False)


def main() -> None:
    """Check and time each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    programs = {BASELINE: BASELINE}
    for name, imports in COMMANDS.items():
        check(name, imports)
        programs[name] = f"{imports}; {HELP}"
    taken = medians_in_turns(
        {
            name: lambda program=program: seconds(lambda: run(program))
            for name, program in programs.items()
        },
        repeats,
    )
    rows = Rows("start-up", 'python -c "import click"')
    for name in COMMANDS:
        rows.add(name, taken[name], taken[BASELINE], "s", at_most_more(MOST_MORE, "s"))


if __name__ == "__main__":
    main()
