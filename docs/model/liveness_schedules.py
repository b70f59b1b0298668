"""Directed schedules: the shard serves again, and does not begin empty beside its owners."""
from directed import CHANGE, LONG, SHORT, learn, outcome, write
from world import World


def replaced_while_dead(off, witnesses=False, proceeds=False, rounds=SHORT):
    """ab -> ac with b dead. Until something can be done, a goes on serving."""
    world = World(1, ['', 'ab', 'ac'], off, 'abcd', witnesses=witnesses, proceeds=proceeds)
    write(world, 0, 'ALL', 'ab')
    world.crash('b')
    learn(world, 2, 'acd')
    world.rounds(rounds, 'acd')
    return world


def dead_replaced_keeps_serving(off):
    """While ab -> ac waits for the dead b, a still answers at level ONE and takes writes at level ONE."""
    world = replaced_while_dead(off)
    return outcome(world) or ('' if write(world, 1, 'ONE', 'a', 1) else 'the survivor stopped for nothing')


def dead_replaced_proceeds(off):
    world = replaced_while_dead(off, proceeds='proceed' not in off, rounds=LONG)
    return outcome(world, 2)


def dead_replaced_witnesses(off):
    """With witnesses: a and a majority of all nodes take the place of a majority of ab. Nothing waived."""
    world = replaced_while_dead(off, witnesses='witnesses' not in off)
    return outcome(world, 2) or ('waived' if world.counts.get('waived') else '')


def restarted_while_the_map_moves(off):
    """ab -> ac, and b restarts with a map that no longer names it: it re-enters ab, then ac begins."""
    world = World(1, ['', 'ab', 'ac'], off, 'abc', reenters='reentry' not in off)
    write(world, 0, 'ALL', 'ab')
    world.crash('b')
    world.restart('b', 2)
    learn(world, 2, 'ac')
    world.rounds(SHORT, 'abc')
    return outcome(world, 2)


def single_restart(off):
    """R = 1: the only owner restarts. Everybody answers and holds nothing: it serves at once."""
    world = World(1, ['', 'a'], off, 'abc')
    write(world, 0, 'ALL', 'a')
    world.crash('a')
    world.restart('a')
    world.rounds(5, 'abc')
    return outcome(world, 1)


def single_restart_one_unreachable(off):
    """R = 1 restarts and another node is dead: who knows what that one holds? Served after proceedAfter."""
    world = World(1, ['', 'a'], off, 'abc', proceeds='proceed' not in off)
    world.crash('a')
    world.crash('c')
    world.restart('a')
    world.rounds(LONG, 'ab')
    return outcome(world, 1)


def full_restart(off):
    world = World(1, ['', 'abc'], off, 'abcde')
    write(world, 0, 'ALL', 'abc')
    for name in 'abcde':
        world.crash(name)
    for name in 'abcde':
        world.restart(name)
    world.rounds(5, 'abcde')
    return outcome(world, 1)


def full_restart_without_one(off):
    world = World(1, ['', 'abc'], off, 'abcde', proceeds='proceed' not in off)
    for name in 'abcde':
        world.crash(name)
    for name in 'abde':
        world.restart(name)
    world.rounds(LONG, 'abde')
    return outcome(world, 1)


def empty_start_beside_the_owners(off):
    """ab -> cd, and for two seconds c and d reach only each other: they must not begin with nothing."""
    world = World(1, ['', 'ab', 'cd'], off)
    write(world, 0, 'ALL', 'ab')
    learn(world, 2, 'cd')
    world.rounds(SHORT, 'cd')
    return outcome(world)


def own_activate_blocks(off):
    """b restarts during ab -> bc; its own Activate must not make it distrust itself."""
    world = World(1, ['', 'acd', 'b'], off)
    write(world, 0, 'ALL', 'acd')
    learn(world, 2, 'abcd')
    world.crash('b')
    world.restart('b', 2)
    for _ in range(3):
        world.tick_only('b')
        world.pump('abcde', ('inquire', 'status', 'activate'))
    world.messages.clear()             # the records arrived, their answers did not
    world.rounds(SHORT, 'abcde')
    return outcome(world, 2)


def acknowledged_then_restarted(off):
    """a -> bcd: b acknowledged with c, then restarts and reaches only d, which missed the write."""
    world = World(1, ['', 'a', 'bcd'], off)
    learn(world, 2, 'abcd')
    world.rounds(6, 'abcd', CHANGE, 'bcd')
    write(world, 0, 'QUORUM', 'bc', 2)
    world.crash('b')
    world.restart('b', 2)
    world.rounds(4, 'bd', CHANGE)
    return outcome(world)
