"""Directed schedules: owners that come late, and shards that were mapped to nobody."""
from directed import LONG, SHORT, learn, outcome, read, write
from replica import NOTHING
from world import World


def late_offer(off):
    """ab -> cd while a and b are cut off: c and d proceed with nothing, then a and b come back and offer."""
    world = World(1, ['', 'ab', 'cd'], off, proceeds=True)
    write(world, 0, 'ALL', 'ab')
    learn(world, 2, 'cd')
    world.rounds(LONG, 'cde')
    world.problems.clear()             # a waiver under a partition: stale until the owners are back
    learn(world, 2, 'ab')
    world.rounds(SHORT, 'abcde')
    world.problems.clear()
    world.check()
    return outcome(world, 2)


def done_is_an_answer(off):
    """The same, where a hears the Done of both before it offered anything."""
    world = World(1, ['', 'a', 'cd'], off, proceeds=True)
    write(world, 0, 'ALL', 'a')
    learn(world, 2, 'cd')
    for _ in range(LONG):
        world.now += 2
        for name in 'cd':
            world.tick_only(name)
        world.pump('cde')
        world.messages = [m for m in world.messages if m[2][0] == 'done']
    world.replicas['a'].promised = 2
    world.pump('acde', ('done',))
    world.problems.clear()
    learn(world, 2, 'a')
    world.rounds(SHORT, 'acde')
    world.problems.clear()
    return outcome(world, 2)


def offer_then_write(off):
    """a offers while it still serves, takes a write, then hears Done."""
    world = World(1, ['', 'a', 'cd'], off, proceeds=True)
    learn(world, 2, 'cd')
    world.rounds(LONG, 'cde')
    world.replicas['a'].map = 2
    world.tick_only('a')
    world.pump('acd', ('offer',))
    write(world, 0, 'ALL', 'a', 1)
    world.pump('acd', ('done',))
    world.problems.clear()
    world.rounds(SHORT, 'acde')
    world.problems.clear()
    return outcome(world, 2)


def dropped_and_given_again(off):
    """ab, then nobody, then bc: a saw the drop, b skipped it and must not bring its data back."""
    world = World(1, ['', 'ab', '', 'bc'], off)
    write(world, 0, 'ALL', 'ab')
    learn(world, 2, 'ade')
    learn(world, 3, 'abcde')
    world.rounds(SHORT, 'abcde')
    return outcome(world, 3)


def dropped_and_given_back(off):
    """ab, then nobody, then ab again: b keeps serving its epoch until it hears of the drop."""
    world = World(1, ['', 'ab', '', 'ab'], off)
    write(world, 0, 'ALL', 'ab')
    learn(world, 2, 'a')
    learn(world, 3, 'abcde')
    world.rounds(SHORT, 'abcde')
    return outcome(world, 3) or ('' if world.replicas['b'].version == NOTHING else 'b kept what was dropped')


def one_after_all(off):
    """abc -> ade, with c not among those counted: c goes on answering ONE after a write at ALL of ade."""
    world = World(1, ['', 'abc', 'ade'], off)
    write(world, 0, 'ALL', 'abc')
    learn(world, 2, 'ade')
    world.rounds(4, 'abde', only_work='ade')
    write(world, 0, 'ALL', 'ade', 2)
    read(world, 1, 'ONE', 'c', 1)
    return outcome(world) or ('a read at ONE missed a write at ALL' if world.lost_ones else '')
