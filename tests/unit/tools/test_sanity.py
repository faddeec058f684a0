"""What ansible-test finds under the HOME that is made for it."""

from __future__ import annotations

from tools.sanity import pip_settings


def test_pip_settings_from_files_and_environment_become_one_file() -> None:
    lines = [":env:.default-timeout='180'", "global.no-index='true'", "install.only-binary=':all:'", ":env:.config-file='x'"]
    assert pip_settings(lines) == "[global]\ndefault-timeout = 180\nno-index = true\nonly-binary = :all:\n"


def test_the_environment_wins_over_files() -> None:
    assert pip_settings(["global.timeout='1'", ":env:.timeout='2'"]) == pip_settings([":env:.timeout='2'", "global.timeout='1'"])


def test_a_setting_of_several_lines_stays_one_setting() -> None:
    assert pip_settings(["global.find-links='one\\ntwo'"]) == "[global]\nfind-links = one\n  two\n"
