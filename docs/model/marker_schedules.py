"""Directed schedules for markers: what each rule is for, in the fewest steps."""
import sys

from markers import AMNESIA, GRACE, Run


def start(off, size=3):
    run = Run(1, off, (size,))
    for node in run.nodes.values():
        node.skew = 0
    run.now = 1000
    for name in run.views[1]:
        run.enter(run.nodes[name], 1)
    return run


def mutate(run, live, names, stamp=None):
    run.identity += 1
    record = ((stamp or run.now, run.identity), live)
    run.operations[record] = (stamp or run.now, {})
    for name in names:
        run.mutation(run.nodes[name], record)
    return record


def deliver(run, kinds=('digest_request', 'digest', 'pull', 'contents')):
    """Everything under way of these kinds, and what it causes."""
    while True:
        due = [m for m in run.messages if m[1][4][0] in kinds]
        if not due:
            return
        run.messages = [m for m in run.messages if m not in due]
        for _, message in due:
            run.receive(*message)


def pull(run, puller, source):
    node = run.nodes[puller]
    run.send(node, source, 'digest_request', node.finished.get(source, -1), node.incarnation)
    deliver(run)
    # The source learns with the next request that this one is complete.
    run.send(node, source, 'digest_request', node.finished.get(source, -1), node.incarnation)
    deliver(run, ('digest_request',))
    run.messages.clear()


def collect(run, names):
    for name in names:
        run.collect(run.nodes[name])
    run.check()


def landed_after_the_pull(off):
    """v1 reaches c only after c pulled from a and b, where the delete v2 is; c is cut off until they forget v2."""
    run = start(off)
    first = mutate(run, True, '')
    run.now += 1
    mutate(run, False, 'ab')
    run.now += 1
    pull(run, 'c', 'a')
    pull(run, 'c', 'b')
    run.now += 20
    run.mutation(run.nodes['c'], first)
    pull(run, 'a', 'b')
    pull(run, 'b', 'a')
    run.now += 25                     # past the window: nothing older can land any more
    pull(run, 'a', 'b')
    pull(run, 'b', 'a')
    run.now += 25
    collect(run, 'ab')
    pull(run, 'a', 'c')
    pull(run, 'b', 'c')
    run.check()
    return run.problem or ''


def infected_by_a_third(off):
    """R = 5: v2 on a, b, c; e still has v1; d has neither, pulls from a, b, c, then gets v1 from e."""
    run = start(off, 5)
    mutate(run, True, 'e')
    run.now += 1
    mutate(run, False, 'abc')
    run.now += 50
    for source in 'abc':
        pull(run, 'd', source)
    pull(run, 'd', 'e')
    for puller in 'abce':
        for source in 'abc':
            if puller != source:
                pull(run, puller, source)
    run.now += 15
    collect(run, 'abc')
    for puller in 'abc':
        pull(run, puller, 'd')
    run.check()
    return run.problem or ''


def late_contents(off):
    """c asked b for its contents, the answer with v1 is under way until everybody has forgotten v2."""
    run = start(off)
    mutate(run, True, 'ab')
    node = run.nodes['c']
    run.send(node, 'b', 'digest_request', -1, 1)
    deliver(run, ('digest_request', 'digest', 'pull'))
    late, run.messages = run.messages, []
    run.now += 1
    mutate(run, False, 'abc')
    for _ in range(2):
        run.now += 45
        for puller, source in ('ab', 'ac', 'ba', 'bc', 'ca', 'cb'):
            pull(run, puller, source)
    collect(run, 'abc')
    run.messages = late
    deliver(run)
    pull(run, 'a', 'c')
    run.check()
    return run.problem or ''


def both_declare(off):
    """R = 2, cut off from each other for ten minutes: if each declares the other amnesiac, both forget."""
    run = start(off, 2)
    mutate(run, True, 'ab')
    run.cut = {('a', 'b'), ('b', 'a')}
    run.now += AMNESIA + 1
    for name in 'ab':
        run.declare(run.nodes[name])
    run.cut = set()
    pull(run, 'a', 'b')
    pull(run, 'b', 'a')
    held = [n for n in 'ab' if run.nodes[n].record]
    return '' if held else 'both cleared: an acknowledged value is gone'


def declared_and_back(off):
    """c is away for more than ten minutes with v1; a and b declare it and forget v2; c must clear and recover."""
    run = start(off)
    mutate(run, True, 'abc')
    run.now += 1
    mutate(run, False, 'ab')
    for _ in range(2):
        run.now += AMNESIA // 2 + 1
        pull(run, 'a', 'b')
        pull(run, 'b', 'a')
    run.cut = {('c', 'a'), ('c', 'b'), ('a', 'c'), ('b', 'c')}
    if 'declare' not in off:
        run.declare(run.nodes['a'])
    pull(run, 'a', 'b')
    pull(run, 'b', 'a')
    collect(run, 'ab')
    run.cut = set()
    kept = [n for n in 'ab' if run.nodes[n].record]
    pull(run, 'a', 'c')
    pull(run, 'c', 'a')
    run.recover(run.nodes['c'])
    run.check()
    return run.problem or ('markers pile up at ' + ''.join(kept) if kept else '')


def in_flight_after_the_drop(off):
    """Everybody has v2 and pulled at once; v1 is still under way to c, and young enough to be taken."""
    run = start(off)
    first = mutate(run, True, 'ab')
    run.now += 1
    mutate(run, False, 'abc')
    for _ in range(2):
        run.now += 5
        for puller, source in ('ab', 'ac', 'ba', 'bc', 'ca', 'cb'):
            pull(run, puller, source)
    collect(run, 'abc')
    run.now += 9
    run.mutation(run.nodes['c'], first)
    run.check()
    return run.problem or ''


def forgotten_after_the_precopy(off):
    """d pre-copies v1, then v2 deletes it and is forgotten by all of abc before abc -> abd."""
    run = start(off)
    mutate(run, True, 'abc')
    run.precopy(run.nodes['d'], run.nodes['a'])
    run.now += 1
    mutate(run, False, 'abc')
    for _ in range(2):
        run.now += 45
        for puller, source in ('ab', 'ac', 'ba', 'bc', 'ca', 'cb'):
            pull(run, puller, source)
    collect(run, 'abc')
    run.pending = 'abd'
    run.activate('abc', [run.nodes['a'], run.nodes['b']])
    run.check()
    return run.problem or ''


def away_and_back(off):
    """c is left out by abc -> abd with v1, v2 comes and is forgotten, then abd -> abc."""
    run = start(off)
    mutate(run, True, 'abc')
    run.pending = 'abd'
    run.activate('abc', [run.nodes['a'], run.nodes['b']])
    run.now += 1
    mutate(run, False, 'abd')
    for _ in range(2):
        run.now += 45
        for puller, source in ('ab', 'ad', 'ba', 'bd', 'da', 'db'):
            pull(run, puller, source)
    collect(run, 'abd')
    run.pending = 'abc'
    run.activate('abd', [run.nodes['a'], run.nodes['b']])
    run.check()
    return run.problem or ''


def offered_after_forgetting(off):
    """abd began by a waiver without c; v2 deletes v1; ten minutes later c comes and offers v1."""
    run = start(off)
    first = mutate(run, True, 'abc')
    run.pending = 'abd'
    run.activate('abc', [run.nodes['a']])
    for name in 'abd':
        run.nodes[name].offers_until = run.now + AMNESIA
    run.now += 1
    mutate(run, False, 'abd')
    for _ in range(3):
        run.now += AMNESIA // 2
        for puller, source in ('ab', 'ad', 'ba', 'bd', 'da', 'db'):
            pull(run, puller, source)
    collect(run, 'abd')
    for name in 'abd':
        run.offer(run.nodes[name], first)
    run.check()
    return run.problem or ('markers stay for ever' if run.nodes['a'].record else '')


SCHEDULES = [
    (landed_after_the_pull, [('landed', 'forward')]),
    (infected_by_a_third, [('forward',)]),
    (in_flight_after_the_drop, [('age', 'landed')]),
    (forgotten_after_the_precopy, [('replace',)]),
    (away_and_back, [('ownolder',)]),
    (offered_after_forgetting, [('offers',)]),
    (late_contents, [('pullwindow',)]),
    (both_declare, [('majorityamnesia',)]),
    (declared_and_back, [('declare',)]),
]


def main():
    wrong = 0
    for schedule, removals in SCHEDULES:
        with_rules = schedule(())
        wrong += with_rules != ''
        print('%-26s %-24s %s' % (schedule.__name__, 'all rules', with_rules or 'holds'))
        for rules in removals:
            without = schedule(rules)
            wrong += without == ''
            print('%-26s %-24s %s' % ('', 'without ' + ', '.join(rules), without or 'HOLDS: the schedule shows nothing'))
    print('%d marker schedules, %d wrong' % (len(SCHEDULES), wrong))
    return wrong


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
