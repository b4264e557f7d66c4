"""`pip install ".[retry]"` in a checkout that nobody published."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHIPPED_WITH_311 = "pip==23.2"
NEWEST = "pip"


@pytest.mark.parametrize("pip", [SHIPPED_WITH_311, NEWEST])
def test_extra_brings_its_plugin_and_no_other(pip, make_environment, checkout):
    """The core and the plugin are installed, the other plugins are not."""
    environment = make_environment(pip)
    environment.pip("install", ".[retry]", cwd=checkout)
    assert environment.installed() == {"pegboard", "pegboard-core", "pegboard-retry"}
    assert environment.evaluate("import pegboard, pegboard_retry; print(pegboard.task.__name__)") == "task"


@pytest.mark.parametrize("pip", [SHIPPED_WITH_311, NEWEST])
def test_editable_root_installs_an_extra(pip, make_environment, checkout):
    """`pip install -e ".[retry]"` works as well."""
    environment = make_environment(pip)
    environment.pip("install", "--editable", ".[retry]", cwd=checkout)
    assert environment.installed() == {"pegboard", "pegboard-core", "pegboard-retry"}


def test_editable_members_satisfy_each_other(environment, checkout):
    """Members named in one command need no index for each other."""
    folders = ["./core", "./plugins/metrics", "./exporters/dashboards", "./exporters/prometheus"]
    environment.pip("install", *(part for folder in folders for part in ("--editable", folder)), cwd=checkout)
    assert environment.installed() == {
        "pegboard-core",
        "pegboard-dashboards",
        "pegboard-metrics",
        "pegboard-prometheus",
    }
    assert environment.evaluate("import pegboard; print(pegboard.__file__)").startswith(str(checkout))


def test_extra_brings_the_members_that_its_member_requires(environment, checkout):
    """The prometheus exporter comes with the metrics that it exports, and with dashboards for them."""
    environment.pip("install", ".[prometheus]", cwd=checkout)
    brought = {"pegboard-core", "pegboard-dashboards", "pegboard-metrics"}
    assert environment.installed() == {"pegboard", "pegboard-prometheus", *brought}


def test_extra_of_a_member_brings_what_that_needs(environment, checkout):
    """`.[cache-redis]` is the cache with a client of Redis: a checkout serves no `pegboard-cache[redis]`."""
    environment.pip("install", ".[cache-redis,retry]", cwd=checkout)
    assert environment.installed() == {"pegboard", "pegboard-cache", "pegboard-core", "pegboard-retry"}
    assert environment.evaluate("import redis; print(redis.__name__)") == "redis"


def test_all_brings_every_member(environment, checkout, members):
    """`all` is every plugin and exporter."""
    environment.pip("install", ".[all]", cwd=checkout)
    assert environment.installed() == {"pegboard", *members}


def test_installed_metadata_names_versions_not_paths(environment, checkout):
    """What stays in the environment holds no path, so `pip check` and `pip freeze` can read it anywhere."""
    environment.pip("install", ".[retry]", cwd=checkout)
    required = environment.evaluate("import importlib.metadata as found; print(found.requires('pegboard'))")
    assert "pegboard-core==0.1.0" in required
    assert "file:" not in required
    environment.pip("check")


def test_git_url_installs_an_extra(environment, checkout, run_command):
    """A clone that pip makes by itself installs like a checkout."""
    author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    run_command("git", "init", "--quiet", cwd=checkout)
    run_command("git", "add", "--all", cwd=checkout)
    run_command("git", *author, "commit", "--quiet", "--message", "all", cwd=checkout)
    served_from_here = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{checkout.parent.as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://git.example.org/",
    }
    environment.pip("install", "pegboard[retry] @ git+https://git.example.org/checkout", **served_from_here)
    assert environment.installed() == {"pegboard", "pegboard-core", "pegboard-retry"}
