"""Runs that are killed at every statement: what is done once, again, and taken back."""

from __future__ import annotations

import textwrap

import pytest
from crashing import crash_everywhere

HEAD = """
import asyncio, os
from crashing import effect
from pegboard import Graph, Retry, Session, Undo, sequential, task
from pegboard_durable import (
    Durability, Durable, Status, checkpointed, choice, now, pause, probe, randint, sleep, state, step, uuid4
)

def outcome(run):
    return run.status.value, run.value, type(run.error).__name__

def run_of(root, run_id="r", **settings):
    with Session(Durability(os.environ["JOURNAL"], **settings)) as session:
        durability = session[Durability]
        return outcome(durability.run(root, run_id=run_id))
"""


def crashes(program, folder, **how):
    found = crash_everywhere(HEAD + textwrap.dedent(program), folder, **how)
    assert [each.error for each in found] == [""] * len(found)
    assert {each.result for each in found} == {found[0].result}
    return found


def effects_are_those_of_a_run_without_crash(found, most=1):
    """The same set of effects, and at most so many again."""
    assert {frozenset(each.effects) for each in found} == {frozenset(found[0].effects)}
    assert max(each.repeats for each in found) <= most


@pytest.mark.slow
def test_retries_over_steps(tmp_path) -> None:
    """Retry on the root, the third step fails twice: every effect once, four runs of the root at most."""
    found = crashes(
        """
        @task(Durable())
        def one(number):
            effect(f"step {number}")
            return number

        @task(Durable())
        def fails():
            tries = sum(line.startswith("try") for line in open(os.environ["EFFECTS"]))
            effect(f"try {tries}")
            if tries < 2:
                raise OSError(tries)
            return 3

        @task(Durable(), Retry(3))
        def root():
            with open(os.environ["EFFECTS"] + ".roots", "a") as roots:
                roots.write("root\\n")
            return one(1) + one(2) + fails()

        def main():
            return run_of(root)
        """,
        tmp_path,
    )
    for each in found:
        steps = [line for line in each.effects if line.startswith("step")]
        assert set(steps) == {"step 1", "step 2"}
        assert each.repeats <= 1
    assert found[0].result == "('DONE', 6, 'NoneType')"


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_undos_of_a_run_that_fails(tmp_path, times) -> None:
    """In reverse and at least once, wherever it is killed; what is undone does not begin again."""
    found = crashes(
        """
        def take_back(number):
            effect(f"undo {number}")

        @task(Durable(), Undo(take_back))
        def book(number):
            effect(f"book {number}")
            return number

        @task(Durable())
        def root():
            for number in (1, 2, 3):
                book(number)
            raise KeyError("no")

        def main():
            return run_of(root)
        """,
        tmp_path,
        times=times,
        every=times,
    )
    effects_are_those_of_a_run_without_crash(found, most=times)
    for each in found:
        undone = [line for line in each.effects if line.startswith("undo")]
        assert list(dict.fromkeys(undone)) == ["undo 3", "undo 2", "undo 1"]
        first = each.effects.index("undo 3")
        assert not any(line.startswith("book") for line in each.effects[first:])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["graph", "sequence"])
def test_undos_of_a_graph_and_of_a_sequence(tmp_path, kind) -> None:
    """Five nodes, the fourth fails: one to three are undone in reverse, at least once."""
    body = {
        "graph": """
            graph = Graph("trip")
            for number in range(1, 6):
                graph.add_node(f"n{number}", NODES[number])
            for number in range(1, 5):
                graph.add_edge(f"n{number}", f"n{number + 1}")
            return graph.start_with("n1").end_with("n5")()
        """,
        "sequence": """
            flow = sequential(name="trip")
            for number in range(1, 6):
                flow.add_task(NODES[number], step_name=f"n{number}")
            return flow.execute()
        """,
    }[kind]
    found = crashes(
        """
        def node(number):
            def work(*_):
                effect(f"node {number}")
                if number == 4:
                    raise OSError(number)
                return number
            work.__qualname__ = f"work{number}"
            globals()[work.__qualname__] = made = task(Undo(lambda *_: number != 4 and effect(f"undo {number}")))(work)
            return made

        NODES = {number: node(number) for number in range(1, 6)}

        @task(Durable())
        def root():
        """
        + textwrap.indent(textwrap.dedent(body), " " * 12)
        + """
        def main():
            return run_of(root)
        """,
        tmp_path,
    )
    effects_are_those_of_a_run_without_crash(found)
    for each in found:
        undone = [line for line in each.effects if line.startswith("undo")]
        assert list(dict.fromkeys(undone)) == ["undo 3", "undo 2", "undo 1"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_recorded_values_that_an_effect_saw(tmp_path, kind) -> None:
    """The same id on resume, whenever it was killed after the effect."""
    bodies = {
        "sync": """
        @task(Durable())
        def root():
            effect_of(str(uuid4()))
            effect_of(str(randint(0, 10**9)))
        """,
        "async": """
        @task(Durable())
        async def root():
            await effect_of.acall(str(uuid4()))
            await effect_of.acall(str(randint(0, 10**9)))
        """,
    }
    program = (
        """
        @task(Durable())
        def effect_of(key):
            effect(key)
        """
        + bodies[kind]
        + """
        def main():
            return run_of(root)
        """
    )
    found = crashes(program, tmp_path)
    for each in found:
        assert len(set(each.effects)) == 2
        assert each.repeats <= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_state_and_checkpointed_loops(tmp_path, kind) -> None:
    """No item twice in the record, and the state as committed."""
    bodies = {
        "sync": """
        @task(Durable())
        def root():
            for item in checkpointed("abc"):
                effect(item)
                state["done"] = state.get("done", "") + item
            return state["done"]
        """,
        "async": """
        @task(Durable())
        async def root():
            async for item in checkpointed("abc"):
                effect(item)
                state["done"] = state.get("done", "") + item
            return state["done"]
        """,
    }
    found = crashes(
        bodies[kind]
        + """
        def main():
            return run_of(root)
        """,
        tmp_path,
    )
    effects_are_those_of_a_run_without_crash(found)
    assert found[0].result == "('DONE', 'abc', 'NoneType')"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_streams(tmp_path, kind) -> None:
    """Items come in order and once to the record; what made them may run again."""
    bodies = {
        "sync": """
        @task(Durable())
        def items():
            yield from range(4)

        @task(Durable())
        def root():
            return [took(item) for item in items()]
        """,
        "async": """
        @task(Durable())
        async def items():
            for number in range(4):
                yield number

        @task(Durable())
        async def root():
            return [await took.acall(item) async for item in items()]
        """,
    }
    found = crashes(
        """
        @task(Durable())
        def took(item):
            effect(str(item))
            return item
        """
        + bodies[kind]
        + """
        def main():
            return run_of(root)
        """,
        tmp_path,
    )
    effects_are_those_of_a_run_without_crash(found)
    assert found[0].result == "('DONE', [0, 1, 2, 3], 'NoneType')"


@pytest.mark.slow
def test_a_doubt_is_one_between_the_two_commits_alone(tmp_path) -> None:
    """The effect happens at most once, and a probe finds out."""
    found = crashes(
        """
        def happened():
            if "charged" not in open(os.environ["EFFECTS"], "a+").read() and not os.path.getsize(os.environ["EFFECTS"]):
                raise LookupError
            return "charged"

        @task(Durable(effect="once", on_doubt=probe(happened)))
        def charge():
            effect("charged")
            return "charged"

        @task(Durable())
        def root():
            return charge()

        def main():
            return run_of(root)
        """,
        tmp_path,
    )
    assert {each.effects for each in found} == {("charged",)}


@pytest.mark.slow
@pytest.mark.parametrize("every", [3])
def test_a_map_on_lanes(tmp_path, every) -> None:
    """Order is kept, and at most one item of each lane runs again."""
    found = crashes(
        """
        from pegboard import Threads

        @task(Durable())
        def item(number):
            effect(str(number))
            return number

        @task(Durable())
        def root():
            return item.map(range(40), concurrency=4)

        def main():
            with Session(Durability(os.environ["JOURNAL"]), executor=Threads(workers=4)) as session:
                return outcome(session[Durability].run(root, run_id="r"))
        """,
        tmp_path,
        every=every,
    )
    effects_are_those_of_a_run_without_crash(found, most=4)
    assert eval(found[0].result)[1] == list(range(40))


@pytest.mark.slow
def test_two_pauses_and_their_signals(tmp_path) -> None:
    """A once, B once, and each signal taken once."""
    found = crashes(
        """
        @task(Durable())
        def mark(text):
            effect(text)

        @task(Durable())
        def root():
            mark("A")
            first = pause("go")
            mark("B")
            return first, pause("go")

        def main():
            with Session(Durability(os.environ["JOURNAL"])) as session:
                durability = session[Durability]
                run = durability.run(root, run_id="r")
                for number in (1, 2):
                    if run.status is Status.SUSPENDED:
                        durability.signal("r", "go", 1, id="a")
                        durability.signal("r", "go", 2, id="b")
                        run = durability.resume("r")
                return outcome(run)
        """,
        tmp_path,
    )
    effects_are_those_of_a_run_without_crash(found)
    assert found[0].result == "('DONE', (1, 2), 'NoneType')"
