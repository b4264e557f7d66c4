"""When the plugin takes handlers and when it gives them back."""

from __future__ import annotations

import logging
import logging.handlers
import subprocess
import sys
import threading

import pytest

from pegboard import ConfigError, Session, task
from pegboard.testing import check_plugin
from pegboard_logs import JSONFormatter, Logs


@task
def leaf():
    return 1


@pytest.mark.parametrize("settings", [{}, {"json": True}, {"lifecycle": True, "escape": False}], ids=str)
def test_has_the_manners_of_a_plugin(output, settings):
    """Tasks notice nothing of it, and one instance serves several sessions."""
    check_plugin(lambda: Logs(**settings))


def test_importing_installs_nothing():
    """No handler, filter, factory or logger class is changed by an import."""
    code = (
        "import logging\n"
        "def state(): return (logging.root.handlers[:], logging.root.filters[:], logging.lastResort.filters[:],\n"
        "    logging.lastResort.formatter, logging.getLogRecordFactory(), logging.getLoggerClass(), logging.root.level)\n"
        "before = state(); import pegboard_logs, sys; assert state() == before\n"
        "assert 'structlog' not in sys.modules and 'opentelemetry' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_handlers_are_as_before_after_the_end(log, output):
    """Filters and formatter are the same objects in the same order."""
    own = logging.Filter()
    output.addFilter(own)
    before, last = output.state(), (list(logging.lastResort.filters), logging.lastResort.formatter)
    with Session(Logs(json=True), inherit=False):
        assert output.state() != before
        leaf()
        going_through = output.filters  # as a thread may be, at the moment of the end
    assert output.state() == before
    assert len(going_through) == 2
    assert (list(logging.lastResort.filters), logging.lastResort.formatter) == last


def test_a_handler_without_formatter_has_none_again(root, log, make_output):
    """None stays None, not a formatter that does the same."""
    handler = make_output(None)
    root.addHandler(handler)
    with Session(Logs(), inherit=False):
        log.info("as it was")
    assert handler.formatter is None
    assert handler.lines == ["as it was"]


def test_nested_sessions_share_a_handler(log, output):
    """The inner one's format counts while it is open, and only the outer one's end puts the handler back."""
    before = output.state()
    with Session(Logs(), inherit=False):
        log.info("outer")
        with Session(Logs(json=True)):
            log.info("inner")
        log.info("outer again")
        assert output.state() != before
    assert output.state() == before
    assert [line[:1] for line in output.lines] == ["I", "{", "I"]


def test_an_inner_session_that_inherits_takes_nothing(log, output):
    """Its end leaves the handler with the session it inherits from."""
    with Session(Logs(json=True), inherit=False):
        with Session():
            leaf()
        log.info("still")
    assert output.events()[0]["message"] == "still"


def test_two_sessions_at_once_in_threads(log, output):
    """Whichever ends first, the handler is put back by the last."""
    before = output.state()
    inside, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def hold(number):
        with Session(Logs(), inherit=False):
            inside.wait(10)
            leave[number].wait(10)

    threads = [threading.Thread(target=hold, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    taken = output.state()
    for number in (0, 1):
        leave[number].set()
        threads[number].join(10)
        assert output.state() == (before if number else taken)


def test_records_are_written_while_sessions_come_and_go(log, output):
    """A thread that logs meanwhile loses no record, and its own filter is asked for each."""
    asked, stop = [], threading.Event()
    output.addFilter(lambda record: asked.append(record) or True)

    def write():
        while not stop.is_set():
            log.info("line")

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(200):
        with Session(Logs(), inherit=False):
            pass
    stop.set()
    writer.join(10)
    assert len(asked) == len(output.records) == len(output.lines)


def test_what_others_change_meanwhile_stays(log, output):
    """A formatter or filter that the application sets while a session is open is not undone."""
    mine, own = logging.Formatter("mine %(message)s"), logging.Filter()
    with Session(Logs(), inherit=False):
        output.setFormatter(mine)
        output.addFilter(own)
    assert output.state() == ([own], mine)


def test_a_formatter_put_around_ours_goes_on_quietly(log, output):
    """After the end ours inside it passes records on as they are."""

    class Around(logging.Formatter):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def format(self, record):
            return f"<{self.inner.format(record)}>"

    with Session(Logs(json=True), inherit=False):
        output.setFormatter(Around(output.formatter))
        log.info("inside")
    log.info("after\n")
    assert output.lines[0].startswith('<{"timestamp"')
    assert output.text.endswith("<INFO app after\n>\n")


def test_a_formatter_set_between_two_sessions_is_taken_too(log, output):
    """The second session takes what the handler has then, and its end gives that back."""
    mine = logging.Formatter("mine %(message)s")
    with Session(Logs(), inherit=False):
        output.setFormatter(mine)
        with Session(Logs()):
            log.info("a\nb")
    assert output.formatter is mine
    assert output.lines == ["mine a\\nb"]


def test_a_handler_added_meanwhile_is_taken_at_the_next_first_call(log, output, root, make_output):
    """So logging may be configured after the session was opened; and it is given back."""
    with Session(Logs(json=True), inherit=False):
        late = make_output()
        before = late.state()
        root.addHandler(late)
        log.info("not yet")
        leaf()
        log.info("now")
    assert [line[:1] for line in late.lines] == ["I", "{"]
    assert late.state() == before


def test_a_handler_that_was_removed_meanwhile_is_given_back(root, output):
    """It may be used elsewhere."""
    before = output.state()
    with Session(Logs(), inherit=False):
        root.removeHandler(output)
    assert output.state() == before


def test_only_the_named_handlers_are_taken(log, root, output, make_output):
    """By instance or by name, of whatever logger; the root's are left alone then."""
    named, mine = make_output(), make_output()
    named.set_name("mine by name")
    log.addHandler(named)
    try:
        with Session(Logs(handlers=["mine by name", mine], json=True), inherit=False):
            log.addHandler(mine)
            log.info("line")
    finally:
        log.removeHandler(named)
        log.removeHandler(mine)
    assert [handler.text[:1] for handler in (named, mine, output)] == ["{", "{", "I"]
    assert output.records[0].pegboard_task == ""  # the record is one, and has passed a handler that is ours


def test_what_a_handler_hands_on_is_masked_too(log, root, make_output):
    """A `MemoryHandler` keeps records and writes them with another, which is taken and given back with it."""
    target = make_output()
    before = target.state()
    memory = logging.handlers.MemoryHandler(100, target=target)
    root.addHandler(memory)
    with Session(Logs(), inherit=False) as session:
        session.masks.add("hunter22")
        log.info("token hunter22")
        memory.flush()
    assert target.lines == ["INFO app token ***"]
    assert target.state() == before


def test_where_logging_is_not_configured_warnings_still_get_out(log, root, capsys):
    """Nothing is installed, and the handler of last resort writes what it always does, without secrets."""

    @task
    def probe():
        log.warning("token hunter22")

    with Session(Logs(), inherit=False) as session:
        session.masks.add("hunter22")
        probe()
        assert root.handlers == []
    assert capsys.readouterr().err == "token ***\n"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"handlers": logging.NullHandler()}, TypeError),
        ({"handlers": "console"}, TypeError),
        ({"handlers": [1]}, TypeError),
        ({"handlers": []}, ValueError),
        ({"lifecycle": "LOUD"}, ValueError),
        ({"lifecycle": 0}, ValueError),
        ({"lifecycle": -1}, ValueError),
        ({"json": logging.Formatter()}, TypeError),
        ({"json": "yes"}, TypeError),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_wrong_settings_are_refused_at_once(wrong, error):
    """Before any session."""
    with pytest.raises(error):
        Logs(**wrong)


def test_an_unknown_handler_stops_the_start(output):
    """The error names those that there are."""
    output.set_name("console")
    with (
        pytest.raises(ConfigError, match=r"'stderr'.*Known: .*console") as caught,
        Session(Logs(handlers=["stderr"])),
    ):
        pass
    assert caught.value.key == "handlers"


def test_a_formatter_of_ones_own_is_used(log, output):
    """`json` takes one that says things its own way."""

    class Short(JSONFormatter):
        def line(self, record, mask):
            return mask(record.getMessage())

    with Session(Logs(json=Short()), inherit=False):
        log.info("line")
    assert output.lines == ["line"]


def test_it_can_be_named(log, output):
    """The entry point makes it with its defaults."""
    with Session("logs", inherit=False):
        leaf()
        log.info("line")
    assert output.records[0].pegboard_call_id == ""
