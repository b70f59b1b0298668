"""Directed schedules: each shows what one rule is for. Without the rule it must go wrong, with it it must not.

usage: schedules.py [NAME ...]
"""
import sys

from replica import NOTHING
from world import World

LONG = 60               # rounds of two ticks: past proceedAfter
SHORT = 12
CHANGE = ('inquire', 'status', 'activate', 'recorded')      # what a change sends before it reports that it is done


def write(world, client, level, names, epoch=None, value=None):
    """A client writes, reaching only these names; True when acknowledged."""
    actor = world.clients[client]
    actor.epoch = epoch or actor.epoch
    actor.start('write', level, value or world.events + 1)
    return finish(world, actor, names)


def read(world, client, level, names, epoch=None):
    actor = world.clients[client]
    actor.epoch = epoch or actor.epoch
    actor.start('read', level)
    return finish(world, actor, names)


def finish(world, actor, names):
    for _ in range(6):
        world.pump(set(names) | {actor.name}, ('request', 'reply', 'wrong_view'))
        if not actor.kind:
            return True
        actor.send()
    world.messages = [m for m in world.messages if actor.name not in m[:2]]
    actor.abandon()
    return False


def learn(world, epoch, names):
    world.published = epoch
    for name in names:
        world.replicas[name].learn_map(epoch)


def outcome(world, epoch=None):
    """What is wrong at the end: a broken promise, else a shard that does not serve."""
    world.check()
    if world.problems:
        return world.problems[0]
    return '' if epoch is None or world.serves_at(epoch) else 'does not serve'


# Safety of a change

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


def epoch_of_an_unsealed_answer(off):
    """d alone became active at 2 with the data of 1; c's later change sees it but cannot seal it."""
    world = World(1, ['', 'abe', 'bcd', 'c'], off)
    write(world, 0, 'ALL', 'abe')
    learn(world, 2, 'd')
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


# Liveness and its price

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


# Late holders

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


# Shards mapped to nobody

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


# What is not promised

def one_after_all(off):
    """abc -> ade, with c not among those counted: c goes on answering ONE after a write at ALL of ade."""
    world = World(1, ['', 'abc', 'ade'], off)
    write(world, 0, 'ALL', 'abc')
    learn(world, 2, 'ade')
    world.rounds(4, 'abde', only_work='ade')
    write(world, 0, 'ALL', 'ade', 2)
    read(world, 1, 'ONE', 'c', 1)
    return outcome(world) or ('a read at ONE missed a write at ALL' if world.lost_ones else '')


SCHEDULES = [
    (acknowledged_by_a_former_life, ['incarnations', 'oneview', 'recovery']),
    (skipped_map, ['pointers', 'activate']),
    (joiner_forgets, ['boot']),
    (write_during_the_copy, ['seal']),
    (recovery_from_too_few, ['recoveryquorum']),
    (epoch_of_an_unsealed_answer, ['sealedepoch']),
    (done_of_one, ['done']),
    (dead_replaced_keeps_serving, ['probe']),
    (dead_replaced_proceeds, ['proceed']),
    (dead_replaced_witnesses, ['witnesses']),
    (restarted_while_the_map_moves, ['reentry']),
    (single_restart, []),
    (single_restart_one_unreachable, ['proceed']),
    (full_restart, []),
    (full_restart_without_one, ['proceed']),
    (empty_start_beside_the_owners, ['everynode']),
    (own_activate_blocks, ['vouchonce']),
    (acknowledged_then_restarted, ['vouch']),
    (late_offer, ['offer']),
    (done_is_an_answer, ['donebroadcast']),
    (offer_then_write, ['offersealed']),
    (dropped_and_given_again, ['drop']),
    (dropped_and_given_back, ['drop']),
]


def main():
    wrong = 0
    for schedule, removals in SCHEDULES:
        if sys.argv[1:] and schedule.__name__ not in sys.argv[1:]:
            continue
        with_rules = schedule(())
        wrong += with_rules != ''
        print('%-34s %-18s %s' % (schedule.__name__, 'all rules', with_rules or 'holds'))
        for rule in removals:
            without = schedule((rule,))
            wrong += without == ''
            print('%-34s %-18s %s' % ('', 'without ' + rule, without or 'HOLDS: the schedule shows nothing'))
    print('%-34s %-18s %s' % ('one_after_all', 'not promised', one_after_all(()) or 'holds'))
    print('%d schedules, %d wrong' % (len(SCHEDULES), wrong))
    return wrong


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
