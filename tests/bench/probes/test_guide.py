"""The guide's own lines, run as its reader runs them, from its top to its end."""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.metrics import foreground_fpr_dataset
from avs_bench.results.files import read_results
from avs_bench.results.records import as_confusion

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "probe-your-own-code.md"


def run(line):
    program, *words = shlex.split(line)
    assert program == "avs-bench"
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 0, said.output
    return said.output


def test_every_block_runs_and_gives_what_it_says(folder, tmp_path, monkeypatch):
    assert folder == tmp_path / "data/VPO/VPO-SS"
    monkeypatch.chdir(tmp_path)
    said, names = [], {"__name__": "guide"}
    for language, text in re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        if language == "python":
            exec(compile(text, str(GUIDE), "exec"), names)
        else:
            said += [run(line) for line in text.splitlines()]
    assert len(said) == 2
    assert "right-sound: 3 sounds\nsilence: 3 sounds" in said[0]
    (stored,) = read_results(tmp_path / "answers-scores")
    assert [one.probe for one in stored.probes] == ["silence", "noise", "off-screen", "shuffled"]
    for one in stored.probes:  # its model finds nothing, whatever it hears
        assert foreground_fpr_dataset(as_confusion(one.answer.overall)).value == 0
    assert re.search(r"My model +silence \+ noise \+ off-screen +3 +0\.00 ", said[1])
