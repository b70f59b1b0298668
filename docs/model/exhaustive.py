"""Every order of delivery of small scenarios, with states seen before left out.

usage: exhaustive.py [STATE_LIMIT]
"""
import hashlib
import pickle
import sys
import time

from change import tick, wanted
from histories import wgl, zones
from world import World


def digest(world, plan):
    """A state without what only counts: status numbers."""
    def plain(value):
        if isinstance(value, dict):
            return sorted((str(k), plain(v)) for k, v in value.items() if k != 'number')
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        if isinstance(value, (tuple, list)):
            return [plain(v) for v in value]
        return value
    state = []
    for replica in world.replicas.values():
        fields = {k: v for k, v in vars(replica).items() if k not in ('world', 'attempt', 'status_number')}
        attempt = replica.attempt and {k: v for k, v in vars(replica.attempt).items() if k not in ('world', 'replica')}
        state.append((plain(fields), plain(attempt) if attempt else None))
    clients = [plain({k: v for k, v in vars(c).items() if k != 'world'}) for c in world.clients]
    messages = sorted(repr(plain(m)) for m in world.messages)
    text = repr((state, clients, messages, world.history, plan, plain(world.acknowledged), sorted(world.debt)))
    return hashlib.md5(text.encode()).digest()


def moves(world, plan):
    seen = set()
    for index, message in enumerate(world.messages):
        key = repr(message)
        if key not in seen:
            seen.add(key)
            yield ('deliver', index)
    for number, program in enumerate(plan['programs']):
        if program and not world.clients[number].kind:
            yield ('start', number)
    for name, count in plan['ticks'].items():
        if count and world.replicas[name].up and wanted(world.replicas[name]):
            yield ('tick', name)
    for name, epochs in plan['learn'].items():
        if epochs:
            yield ('learn', name)
    for name in plan['crash']:
        yield ('crash', name)
    for name in plan['restart']:
        if not world.replicas[name].up:
            yield ('restart', name)


def apply(world, plan, move):
    kind, what = move
    if kind == 'deliver':
        world.deliver(what)
    elif kind == 'start':
        level, operation = plan['programs'][what].pop(0)
        world.clients[what].start(operation, level, len(world.history) * 10 + what + 1)
    elif kind == 'tick':
        plan['ticks'][what] -= 1
        tick(world.replicas[what])
    elif kind == 'learn':
        world.replicas[what].learn_map(plan['learn'][what].pop(0))
    elif kind == 'crash':
        plan['crash'].remove(what)
        world.crash(what)
    else:
        plan['restart'].remove(what)
        world.restart(what)


def useless(world, message):
    receiver, content = message[1], message[2]
    if receiver in world.replicas:
        return not world.replicas[receiver].up
    client = world.clients[int(receiver)]
    return not client.kind or content[2] != client.number


def explore(name, maps, programs, limit, ticks=None, learn=None, crash=(), off=(), nodes='ab', linear=False):
    began = time.time()
    world = World(1, maps, off, nodes, len(programs))
    plan = dict(programs=[list(p) for p in programs], ticks=dict(ticks or {}), crash=list(crash), restart=list(crash),
                learn={n: list(e) for n, e in (learn or {}).items()})
    seen, stack, leaves, bad = {digest(world, plan)}, [pickle.dumps((world, plan))], 0, ''
    while stack and not bad and len(seen) <= limit:
        frozen = stack.pop()
        world, plan = pickle.loads(frozen)
        choices = list(moves(world, plan))
        leaves += not choices
        for move in choices:
            world, plan = pickle.loads(frozen)
            apply(world, plan, move)
            world.messages = [m for m in world.messages if not useless(world, m)]
            key = digest(world, plan)
            if key in seen:
                continue
            seen.add(key)
            world.check()
            history = world.history + [('w', c.value, c.invoked, None) for c in world.clients if c.kind == 'write']
            if linear and not zones(history)[0]:
                assert not wgl(history)
                world.problems.append('not linearizable')
            if world.problems:
                bad = world.problems[0]
                break
            stack.append(pickle.dumps((world, plan)))
    print('%-42s %-12s states %6d%s ends %5d  %s  %.0f s' % (
        name, ','.join(off) or '-', len(seen), ' (cut)' if len(seen) > limit else '', leaves, bad or 'holds',
        time.time() - began))
    sys.stdout.flush()
    return bad


def main(limit):
    linear, quorum = 'LINEARIZABLE', 'QUORUM'
    w, r = (quorum, 'write'), (quorum, 'read')
    lw, lr = (linear, 'write'), (linear, 'read')
    move = dict(ticks={'b': 3}, learn={'b': [2]})
    wrong = 0
    wrong += '' != explore('R = 2: write | read read', ['', 'ab'], [[w], [r, r]], limit)
    wrong += '' != explore('R = 3: write | read', ['', 'abc'], [[w], [r]], limit, nodes='abc')
    wrong += '' != explore('R = 2: write | read, linearizable', ['', 'ab'], [[lw], [lr]], limit, linear=True)
    wrong += '' != explore('a -> b: write', ['', 'a', 'b'], [[w]], limit, **move)
    wrong += '' != explore('a -> ab: write', ['', 'a', 'ab'], [[w]], limit, **move)
    wrong += '' != explore('R = 2, b restarts: write', ['', 'ab'], [[w]], limit, ticks={'b': 2}, crash='b')
    return wrong


if __name__ == '__main__':
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 60000) else 0)
