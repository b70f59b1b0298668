"""What a waiver (proceedAfter) can lose: every set of acknowledgers, every set of members out of reach.

The members out of reach have crashed, or are cut off and come back later. The next configuration is the members still
in reach, filled up with new nodes. A write is stored where its acknowledgements came from and nowhere else.
"""
from itertools import combinations

from change import PROCEED_AFTER
from replica import majority
from world import World


def outcome(count, acknowledgers, gone, crashed):
    """(visible to a quorum after the waiver, visible once everybody is back)"""
    members = 'abc'[:count]
    rest = ''.join(m for m in members if m not in gone)
    world = World(1, ['', members, (rest + 'defg')[:count]], nodes='abcdefg', proceeds=True)
    for name in acknowledgers:
        world.replicas[name].merge((1, 'w'), 1)
    world.acknowledged = {1: (1, 'w')}
    if crashed:
        for name in gone:
            world.replicas[name].up = False
            world.replicas[name].reset()
            world.replicas[name].up = False
    reached = ''.join(n for n in world.nodes if n not in gone)
    for name in reached:
        world.replicas[name].learn_map(2)
    world.rounds(PROCEED_AFTER, reached)
    assert world.serves_at(2)
    first = not any(problem.startswith('at epoch 2') for problem in world.problems)
    world.problems.clear()
    for name in gone:
        if crashed:
            world.restart(name, 2)
        world.replicas[name].learn_map(2)
    world.rounds(20, world.nodes)
    world.problems.clear()
    world.check()
    return first, not world.problems, world.counts.get('waived', 0)


def main():
    print('%-2s %-7s %-13s %-13s %-26s %s' % ('R', 'level', 'out of reach', 'how', 'seen after the waiver', 'after all are back'))
    for count in (2, 3):
        for level, need in (('ONE', 1), ('QUORUM', majority(count)), ('ALL', count)):
            for lost in range(1, count + 1):
                for crashed in (True, False):
                    results = [outcome(count, a, g, crashed) for a in combinations('abc'[:count], need)
                               for g in combinations('abc'[:count], lost)]
                    print('%-2d %-7s %-13d %-13s %-26s %s' % (
                        count, level, lost, 'crashed' if crashed else 'cut off',
                        '%d of %d (%d waived)' % (sum(r[0] for r in results), len(results), sum(r[2] > 0 for r in results)),
                        '%d of %d' % (sum(r[1] for r in results), len(results))))


if __name__ == '__main__':
    main()
