"""The filter of system calls, judged by a small interpreter of its program: the same on both architectures."""

import struct

import pytest

from zhiku.ingestion.extract.confine import (
    ALLOW,
    ARCHITECTURES,
    CLONE,
    CLONE_THREAD,
    EACCES,
    ENOSYS,
    JUMP_ANY_BIT,
    JUMP_EQUAL,
    KILL,
    LOAD_WORD,
    REFUSE,
    REFUSED,
    RETURN,
    build_filter,
)

# Calls that a parser needs: read, write, mmap, munmap, futex, exit_group, getrandom, socketpair.
NEEDED = {"x86_64": (0, 1, 9, 11, 202, 231, 318, 53), "aarch64": (63, 64, 222, 215, 98, 94, 278, 199)}


def verdict(machine: str, number: int, argument: int = 0, architecture: int | None = None) -> int:
    program = build_filter(machine)
    assert program is not None
    known = ARCHITECTURES[machine][0] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, known, 0, argument, 0, 0, 0, 0, 0)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    loaded = at = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case _ if code == RETURN:
                return value
            case _ if code == LOAD_WORD:
                (loaded,) = struct.unpack_from("=I", data, value)
            case _ if code == JUMP_EQUAL:
                at += if_true if loaded == value else if_false
            case _:
                assert code == JUMP_ANY_BIT
                at += if_true if loaded & value else if_false


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_reaches_outside_is_refused(machine: str) -> None:
    column = ARCHITECTURES[machine][1]
    numbers = [number for calls in REFUSED.values() if (number := calls[column]) is not None]
    assert len(numbers) == len(set(numbers))
    assert {verdict(machine, number) for number in numbers} == {REFUSE | EACCES}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_a_parser_needs_is_allowed(machine: str) -> None:
    assert {verdict(machine, number) for number in NEEDED[machine]} == {ALLOW}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_threads_may_start_and_processes_may_not(machine: str) -> None:
    clone = CLONE[ARCHITECTURES[machine][1]]
    assert verdict(machine, clone, CLONE_THREAD | 0x100) == ALLOW
    assert verdict(machine, clone, 17) == REFUSE | EACCES
    assert verdict(machine, 435) == REFUSE | ENOSYS, "clone3, for which the C library then takes clone"


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    assert verdict(machine, 1, architecture=0x40000003) == KILL
    if machine == "x86_64":
        assert verdict(machine, 0x40000001) == KILL


def test_an_unknown_machine_has_no_filter() -> None:
    assert build_filter("riscv64") is None
