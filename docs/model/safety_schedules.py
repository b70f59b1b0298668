"""Directed schedules: no acknowledged write is lost by a change or a restart."""
from directed import CHANGE, LONG, learn, outcome, read, write
from world import World


def acknowledged_by_a_former_life(off):
    """a acknowledges, crashes, recovers from the others; the other acknowledgement comes from its new life's view."""
    world = World(1, ['', 'abc'], off, 'abc')
    client = world.clients[0]
    client.start('write', 'QUORUM', 1)
    world.pump('0a')
    world.crash('a')
    world.restart('a')
    world.rounds_keeping(3, 'abc', '0')
    client.send()
    world.pump('0b')
    if client.kind:
        client.abandon()
    read(world, 1, 'QUORUM', 'ac')
    return outcome(world)


def skipped_map(off):
    """abc -> ade, where c hears nothing; then b and c learn bcd without having seen ade."""
    world = World(1, ['', 'abc', 'ade', 'bcd'], off)
    learn(world, 2, 'ade')
    world.rounds(4, 'abde', CHANGE, 'ade')
    write(world, 0, 'QUORUM', 'ade', 2)
    learn(world, 3, 'bc')
    world.rounds(4, 'bc')
    return outcome(world)


def write_during_the_copy(off):
    """a -> b: a answers the copy, takes one more write, and b activates with what it copied."""
    world = World(1, ['', 'a', 'b'], off, 'ab')
    learn(world, 2, 'b')
    for kinds in (('inquire', 'status'),) * 3:
        world.tick_only('b')
        world.pump('ab', kinds)
    write(world, 0, 'QUORUM', 'a', 1)
    world.pump('ab')
    world.rounds(3, 'ab')
    return outcome(world)


def recovery_from_too_few(off):
    """A write on a and b; b restarts and sees only c, which missed it."""
    world = World(1, ['', 'abc'], off, 'abc')
    write(world, 0, 'QUORUM', 'ab')
    world.crash('b')
    world.restart('b')
    world.rounds(4, 'bc')
    return outcome(world)


def joiner_forgets(off):
    """abc -> ade: b records the activation, restarts, is asked about abc by a later change as if it knew."""
    world = World(1, ['', 'abc', 'ade', 'bcd'], off)
    learn(world, 2, 'ade')
    world.rounds(4, 'abde', only_work='ade')
    write(world, 0, 'QUORUM', 'ade', 2)
    world.crash('b')
    world.restart('b')
    if 'boot' in off:
        world.replicas['b'].recovering = False
    learn(world, 3, 'bc')
    world.rounds(4, 'bc')
    return outcome(world)


def restarted_with_an_old_map(off):
    """A write on a and b at abc; a restarts with the map of before and sees only c, which missed it."""
    world = World(1, ['', 'cde', 'abc'], off)
    learn(world, 2, 'abcde')
    world.rounds(6, 'abcde')
    write(world, 0, 'QUORUM', 'ab', 2)
    world.crash('a')
    world.restart('a', 1)
    world.replicas['a'].learn_map(2)
    world.rounds(6, 'ac')
    return outcome(world)


def epoch_of_an_unsealed_answer(off):
    """d alone became active at 2 with the data of 1; c's later change sees it but cannot seal it."""
    world = World(1, ['', 'abe', 'bcd', 'c'], off)
    write(world, 0, 'ALL', 'abe')
    learn(world, 2, 'cd')
    world.rounds(1, 'abce', ('inquire', 'status'), 'c')
    world.rounds(4, 'abde', only_work='d')
    learn(world, 3, 'c')
    world.tick_only('c')
    world.pump('abcde', ('inquire', 'status'))
    world.tick_only('c')
    world.messages = [m for m in world.messages if 'd' not in m[:2]]
    world.rounds(5, 'abce', only_work='c')
    return outcome(world)


def done_of_one(off):
    """ab -> cd: c is active and d not yet; the old owners drop; c crashes."""
    world = World(1, ['', 'ab', 'cd'], off)
    write(world, 0, 'ALL', 'ab')
    learn(world, 2, 'abcd')
    world.rounds(2, 'abcd', ('inquire', 'status'), 'd')
    world.rounds(4, 'abcd', only_work='c')
    world.crash('c')
    world.restart('c', 2)
    world.proceeds = True
    world.rounds(LONG, 'abcde')
    return outcome(world, 2)
