"""A queue, a thread and batches: nothing waits, and what does not arrive is counted."""

from __future__ import annotations

import contextlib
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest

from pegboard.parts import Background

LONG = 3_600.0  # seconds: nothing goes for being old
NAME = "test-background"


@pytest.fixture
def background(sink):
    """Return a function that makes one with other settings; all are ended."""
    made = []

    def make(**settings):
        settings = {"delay": LONG, "flush_timeout": 30.0, **settings}
        made.append(Background(NAME, sink.send, **settings))
        return made[-1]

    yield make
    sink.free.set()
    for each in made:
        each.end()


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


def run(program, *arguments):
    """Run a program in an interpreter of its own, warnings being errors."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_items_arrive_in_order_and_in_batches(background, sink) -> None:
    """No batch is larger than asked for."""
    sending = background(batch=10)
    for number in range(25):
        sending.put(number)
    assert sending.flush()
    assert sink.items == list(range(25))
    assert max(len(batch) for batch in sink.batches) <= 10


def test_a_full_batch_goes_at_once(background, sink) -> None:
    """However long fewer would wait."""
    sending = background(batch=3)
    for number in range(3):
        sending.put(number)
    assert sink.taken.acquire(timeout=30)
    assert sink.batches == [[0, 1, 2]]


def test_fewer_go_after_a_while(background, sink) -> None:
    """Nothing waits longer than `delay` for its batch to be full."""
    background(delay=0.01).put("one")
    assert sink.taken.acquire(timeout=30)
    assert sink.items == ["one"]


def test_there_is_no_thread_before_the_first_item(background) -> None:
    """Nor is there anything to flush."""
    sending = background()
    sending.begin()
    assert sending.flush()
    assert not sending.is_running
    assert threads() == []


@pytest.mark.parametrize("answer", [False, OSError("away"), SystemExit(3)], ids=["False", "error", "exit"])
def test_a_flush_of_what_is_refused_is_false(background, sink, answer) -> None:
    """What does not arrive is counted, and the thread goes on."""
    sending = background()
    sink.answer = answer
    sending.put(1)
    assert not sending.flush()
    assert (sending.lost, sending.losses) == (1, {"send_failed": 1})
    sink.answer = True
    sending.put(2)
    assert sending.flush()
    assert sink.items == [2]


def test_a_flush_that_is_late_is_false_and_loses_nothing(background, sink) -> None:
    """The items go on their way."""
    sending = background()
    sink.free.clear()
    sending.put(1)
    assert not sending.flush(0.01)
    sink.free.set()
    assert sending.flush()
    assert sink.items == [1]
    assert sending.lost == 0


def test_a_full_queue_drops_and_counts(background, sink) -> None:
    """Whoever puts never waits."""
    told = []
    sending = background(queue=4, batch=2, on_loss=lambda *loss: told.append(loss))
    sink.free.clear()
    sending.put(0)
    sending.put(1)
    assert sink.entered.wait(30)  # these two are on their way, and the queue is empty
    for number in range(2, 9):
        sending.put(number)
    assert (sending.waiting, sending.lost, told) == (4, 3, [])
    sink.free.set()
    sending.end()
    assert sink.items == [0, 1, 2, 3, 4, 5]
    assert told == [(3, "queue_full")]


def test_a_listener_that_fails_changes_nothing(background, sink, caplog) -> None:
    """It is logged, and the next batch goes."""

    def listen(number, reason):
        raise ValueError("not today")

    sending = background(on_loss=listen)
    sink.answer = False
    sending.put(1)
    assert not sending.flush()
    sink.answer = True
    sending.put(2)
    assert sending.flush()
    assert "on_loss(1, 'send_failed') failed" in caplog.text


def test_the_end_sends_what_is_left_and_ends_the_thread(background, sink) -> None:
    """And says whether all arrived."""
    sending = background()
    sending.put(1)
    assert threads() == [NAME]
    assert sending.end()
    assert sink.items == [1]
    assert not sending.is_running
    assert threads() == []


def test_an_end_that_is_late_counts_what_is_left(background, sink, caplog) -> None:
    """It waits no longer than its deadline, has the sending aborted, and says once how many were lost."""
    sending = background(batch=2, abort=sink.free.set)
    sink.free.clear()
    for number in range(2):
        sending.put(number)
    assert sink.entered.wait(30)
    sending.put(2)
    begun = time.monotonic()
    assert not sending.end(0.05)
    assert time.monotonic() - begun < 20
    assert sending.losses == {"deadline": 3}
    assert sink.free.is_set()
    assert [record.getMessage() for record in caplog.records] == [
        f"{NAME}: 3 items were not delivered (in all: deadline 3)"
    ]


def test_what_is_put_after_the_end_is_counted(background, sink) -> None:
    """It does not go, nor start a thread."""
    sending = background()
    sending.end()
    sending.put(1)
    assert (sending.losses, threads()) == ({"ended": 1}, [])
    assert sink.items == []


def test_users_share_one_thread(background, sink) -> None:
    """The end of one sends what there is; that of the last takes the thread along; then it begins anew."""
    sending = background()
    sending.begin()
    sending.begin()
    sending.put(1)
    assert sending.end()
    assert sink.items == [1]
    assert threads() == [NAME]
    assert sending.end()
    assert threads() == []
    sending.begin()
    sending.put(2)
    assert sending.end()
    assert sink.items == [1, 2]


def test_several_share_a_deadline(sink) -> None:
    """All are asked before the first is waited for."""
    both = threading.Barrier(2)

    def send(batch):
        both.wait(30)

    pair = [Background(NAME, send, delay=LONG), Background(NAME, send, delay=LONG)]
    for each in pair:
        each.put(1)
    waits = [each.begin_end() for each in pair]
    assert [wait(30) for wait in waits] == [True, True]


def test_the_thread_has_what_belongs_to_it(background, sink) -> None:
    """It enters `around` before the first batch, and leaves it after the last."""
    seen = []

    @contextlib.contextmanager
    def around():
        seen.append(threading.current_thread().name)
        yield
        seen.append(len(sink.items))

    sending = background(around=around)
    sending.put(1)
    sending.end()
    assert seen == [NAME, 1]


def test_what_cannot_be_entered_loses_all_until_it_begins_anew(background, sink, caplog) -> None:
    """A database that is away for now: said once, counted, and opened with the next session."""
    is_there = threading.Event()

    def around():
        if not is_there.is_set():
            raise OSError("no such database")
        return contextlib.nullcontext()

    sending = background(around=around)
    sending.put(1)
    assert not sending.flush()
    sending.end()
    assert sending.losses == {"send_failed": 1}
    assert "cannot be opened" in caplog.text
    is_there.set()
    sending.begin()
    sending.put(2)
    assert sending.end()
    assert sink.items == [2]


def test_a_flush_in_its_own_thread_does_not_wait(sink) -> None:
    """It would wait for itself."""
    answers = []
    sending = Background(NAME, lambda batch: answers.append(sending.flush(60)), delay=LONG)
    sending.put(1)
    assert sending.end(30)
    assert answers == [False]


def test_threads_may_put_at_once(background, sink) -> None:
    """Each item arrives once."""
    sending = background(queue=100_000, batch=64)
    start = threading.Barrier(8)

    def put(first):
        start.wait(30)
        for number in range(first, first + 2_000):
            sending.put(number)

    putting = [threading.Thread(target=put, args=(2_000 * each,)) for each in range(8)]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join()
    assert sending.end()
    assert sorted(sink.items) == list(range(16_000))
    assert sending.lost == 0


def test_one_that_nobody_uses_is_not_kept_alive() -> None:
    """Neither for forks nor for the end of the process."""
    reference = weakref.ref(Background(NAME, lambda batch: None))
    gc.collect()
    assert reference() is None


@pytest.fixture
def ctrl_c():
    """Return what presses Ctrl-C, from another thread, until the main thread has noticed: it may just begin to wait."""
    noticed = threading.Event()

    def interrupt(number, frame):
        if not noticed.is_set():
            noticed.set()
            raise KeyboardInterrupt

    def press():
        while not noticed.wait(0.02):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, interrupt)
    yield press
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_flush_loses_nothing(sink, ctrl_c) -> None:
    """The thread goes on, and the next flush waits for it."""

    def send(batch):
        ctrl_c()
        return sink.send(batch)

    sink.free.clear()
    sending = Background(NAME, send, delay=LONG)
    sending.put(1)
    with pytest.raises(KeyboardInterrupt):
        sending.flush(60)
    sink.free.set()
    assert sending.end(30)
    assert sink.items == [1]


def test_ctrl_c_in_an_end_loses_nothing() -> None:
    """The exit of the interpreter waits for what is left, within the deadline."""
    done = run("""
        import signal, threading
        from pegboard.parts import Background

        noticed = threading.Event()

        def send(batch):
            while not noticed.wait(0.02):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            print(batch, flush=True)

        def interrupt(number, frame):
            if not noticed.is_set():
                print("interrupted", flush=True)
                noticed.set()
                raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)

        background = Background("interrupted", send, flush_timeout=30)
        background.put(1)
        try:
            background.end()
        except KeyboardInterrupt:
            pass
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n[1]\n", "", 0)


def test_the_exit_of_the_interpreter_sends_what_is_left() -> None:
    """After what was registered later, and with what belongs to the thread left in order."""
    done = run("""
        import atexit, contextlib
        from pegboard.parts import Background

        @contextlib.contextmanager
        def around():
            yield
            print("closed", flush=True)

        background = Background("forgotten", print, delay=3_600, around=around)
        atexit.register(background.put, 2)
        background.put(1)
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("[1, 2]\nclosed\n", "", 0)


def test_the_exit_of_the_interpreter_waits_no_longer_than_the_deadline() -> None:
    """Whatever hangs; how many were lost is said."""
    done = run("""
        import threading
        from pegboard.parts import Background

        background = Background("hanging", lambda batch: threading.Event().wait(), flush_timeout=0.2)
        background.put(1)
    """)
    assert done.returncode == 0
    assert done.stderr == "hanging: 1 items were not delivered (in all: deadline 1)\n"


def test_a_forked_child_begins_with_nothing(background, sink, forked) -> None:
    """The parent sends what it took, and the child what it took itself."""
    sending = background(queue=4, batch=2, flush_timeout=30)
    sending.begin()
    sink.free.clear()
    for number in range(2):
        sending.put(number)
    assert sink.entered.wait(30)
    for number in range(2, 9):
        sending.put(number)

    def child():
        seen = (sending.waiting, sending.lost, sending.is_running, sending.flush(5))
        sink.free.set()
        sending.put("child")
        return *seen, sending.end(), sink.items

    assert forked(child) == "(0, 0, False, True, True, ['child'])"
    sink.free.set()
    assert not sending.end()  # three were dropped
    assert sink.items == [0, 1, 2, 3, 4, 5]


def test_a_child_that_is_forked_while_it_is_locked_goes_on(background, sink, forked) -> None:
    """Locks of threads that did not come along are replaced."""
    sending = background()
    is_held, may_go = threading.Event(), threading.Event()

    def hold():
        with sending._guard:  # as a thread that begins or ends
            is_held.set()
            may_go.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(30)

    def child():
        sending.begin()
        sending.put(2)
        return sending.end(10), sink.items

    assert forked(child) == "(True, [2])"
    may_go.set()
    holder.join()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_child_of_multiprocessing_sends_what_it_has(tmp_path) -> None:
    """It ends without its parent's sessions."""
    done = run(
        """
        import multiprocessing, os, sys
        from pegboard.parts import Background

        def send(batch):
            with open(sys.argv[1], "a") as file:
                file.write(f"{os.getpid() == parent} {batch}\\n")

        parent = os.getpid()
        background = Background("forked", send, delay=3_600)
        child = multiprocessing.get_context("fork").Process(target=background.put, args=("child",))
        child.start()
        child.join()
        background.put("parent")
        background.end()
        """,
        str(tmp_path / "sent"),
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert (tmp_path / "sent").read_text().splitlines() == ["False ['child']", "True ['parent']"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"queue": 0}, ValueError),
        ({"batch": 1.5}, TypeError),
        ({"batch": True}, TypeError),
        ({"delay": 0}, ValueError),
        ({"delay": "5"}, TypeError),
        ({"flush_timeout": -1}, ValueError),
        ({"flush_timeout": float("nan")}, ValueError),
    ],
    ids=repr,
)
def test_a_number_that_means_nothing_is_refused(settings, error) -> None:
    """With its name, where it is given."""
    with pytest.raises(error, match=next(iter(settings))):
        Background(NAME, print, **settings)


def test_a_thread_that_is_made_to_exit_says_so(background, sink, caplog) -> None:
    """Threads end without a word of Python's at SystemExit, which nobody would notice."""

    def leave(*_):
        raise SystemExit

    sink.answer = False
    sending = background(on_loss=leave, batch=1)
    sink.free.clear()
    sending.put(1)
    (thread,) = [each for each in threading.enumerate() if each.name == NAME]
    sink.free.set()
    sending.flush(0.0)
    thread.join(30)
    assert not sending.is_running
    assert "its thread was made to exit" in caplog.text
