"""The block at the end of a terminal, and what others write."""

from __future__ import annotations

import sys
import threading

import pytest

from pegboard_progress._terminal import Terminal


class Board(Terminal):
    """A terminal that is told what to draw."""

    def show(self, block, lines=()):
        self.draw(lambda: (block, lines))


@pytest.fixture
def board(terminal):
    return Board(terminal)


@pytest.fixture
def screen(terminal, screen_of):
    return lambda: screen_of(terminal.getvalue())


def test_a_block_is_drawn_in_place_of_the_one_before(board, screen):
    """Only the last one is there."""
    board.show(["a", "b"])
    board.show(["c"])
    assert screen() == ["c", "", ""]


def test_lines_stay_above_the_block(board, screen):
    """What is over moves up."""
    board.show(["a"])
    board.show(["b"], ["over"])
    assert screen() == ["over", "b", ""]


def test_what_others_write_stands_above_the_block(board, terminal, screen):
    """A line written to the same stream, by whoever holds it, is whole, and the block below it."""
    written = terminal.write
    board.show(["a", "b"])
    terminal.write("one\ntwo\n")
    assert screen() == ["one", "two", "a", "b", ""]
    board.show([])
    terminal.write("three\n")
    assert screen()[:4] == ["one", "two", "three", ""]
    assert terminal.write == written


def test_print_to_standard_output_is_led_around_it(board, terminal, screen, monkeypatch):
    """Standard output is guarded too, where it is a terminal."""
    monkeypatch.setattr(sys, "stdout", terminal)
    board.show(["a"])
    print("one", 2)  # noqa: T201 - the rule is about print
    assert screen() == ["one 2", "a", ""]


def test_a_line_in_the_making_is_left_alone(board, terminal, screen):
    """The block waits for the end of the line."""
    board.show(["a"])
    terminal.write("working ")
    board.show(["b"])
    assert screen()[0] == "working"
    assert "b" not in screen()
    terminal.write("done\n")
    assert screen() == ["working done", "b", ""]


def test_lines_of_many_threads_are_whole(board, terminal, screen):
    """Nothing is lost or mixed, while the block is drawn all the time."""
    board.show(["block"])
    threads = [
        threading.Thread(target=lambda n=n: [terminal.write(f"line {n} {i}\n") for i in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for i in range(100):
        board.show([f"block {i}"])
    for thread in threads:
        thread.join()
    board.show([])
    shown = [line for line in screen() if line]
    assert sorted(shown) == sorted(f"line {n} {i}" for n in range(4) for i in range(50))


def test_a_stream_that_fails_is_given_back_and_said_once(board, terminal, caplog):
    """A closed terminal ends the display."""
    board.show(["a"])
    terminal.close()
    board.show(["b"])
    board.show(["c"])
    assert board.over
    assert "write" not in vars(terminal)
    assert len(caplog.records) == 1


def test_without_a_stream_nothing_is_shown(caplog):
    """A program may have no standard error at all."""
    Board(None).show(["a"], ["b"])
    assert caplog.records == []


def test_what_is_drawn_in_the_middle_of_writing_waits(board, terminal, screen):
    """The collector may end a bar while its thread writes: nothing is drawn into the line, and nothing is lost."""
    asked = []

    class Text(str):
        __slots__ = ()

        def endswith(self, suffix):
            board.draw(lambda: asked.append(1) or (["c"], []))
            return super().endswith(suffix)

    board.show(["a"])
    terminal.write(Text("line\n"))
    assert (screen(), asked) == (["line", "a", ""], [])
    board.show(["b"])
    assert screen() == ["line", "b", ""]
