"""A plugin of pytest that tells what became of each test, a line each."""

import pytest

REPORTER = "terminalreporter"


class Outcomes:
    def __init__(self, config):
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        # What is set up well is told once it was called; what is taken down badly has failed.
        if report.when != "call" and report.outcome == "passed":
            return
        self.config.pluginmanager.get_plugin(REPORTER).write_line(
            f"\n@ {report.outcome} {report.nodeid}"
        )


def pytest_configure(config):
    config.pluginmanager.register(Outcomes(config))
