"""Markers (of deleted and expired records) and when they may go, with one-way pulls.

One key, which is one bucket; R members of a view that changes; nodes pause, links are cut, every message may be late.
Digests cover live records only. Claim: once a delete is acknowledged by a majority, no majority that could answer has
an older live value as its maximum, and nothing that was acknowledged disappears.

usage: markers.py [RUNS] [FIRST_SEED]
"""
import itertools
import random
import sys
import time

GRACE = 60              # G, in seconds
AMNESIA = 600
MAX_SKEW = 6
NODES = 'abcdefg'

# Rules that the swarm removes one at a time.
RULES = {
    'age': 'a marker goes at once when everybody pulled',
    'pulled': 'a marker goes by age alone',
    'window': 'a mutation is taken however old',
    'landed': 'a pull counts if it began after the marker was born, not G/2 later',
    'forward': 'a pull brings markers only of buckets whose live records differ',
    'pullwindow': 'the answer to a pull is taken however old the question',
    'newview': 'pulls of members of an earlier view count in the next',
    'joinmarkers': 'a joining node copies live records only',
    'replace': 'a joining node merges what it pre-copied, instead of taking what the counted have',
    'quiet': 'markers go while a change is under way',
    'ownolder': 'a member that comes back merges its older copy',
    'majorityamnesia': 'any one peer may declare a member amnesiac',
}


def majority(count):
    return count // 2 + 1


class Member:
    def __init__(self, name, skew):
        self.name, self.skew = name, skew
        self.incarnation, self.incarnations = 1, {}
        self.epoch, self.sealed, self.active = 0, False, False
        self.record = None            # (version, live)
        self.born = 0                 # when the marker came here, by this member's clock
        self.pulled = {}              # member -> the reply time up to which it has pulled everything of mine
        self.finished = {}            # member -> the same, of its markers that I have
        self.heard = {}               # member -> when it last showed progress
        self.precopied = None
        self.offers_until = 0         # after a waiver: old owners may still come with what they hold
        self.silent = False           # a marker copied to where nothing was: kept, not passed on again
        self.paused = False


class Run:
    def __init__(self, seed, off=(), sizes=(2, 3, 3, 5)):
        self.random, self.off = random.Random(seed), off
        self.now, self.identity = 0, 0
        self.size = self.random.choice(sizes)
        self.nodes = {n: Member(n, self.random.randint(-MAX_SKEW, MAX_SKEW)) for n in NODES}
        self.views = {1: NODES[:self.size]}
        self.epoch = 1
        for name in self.views[1]:
            self.enter(self.nodes[name], 1)
        self.messages, self.cut, self.operations = [], set(), {}
        self.highest = (0, 0)
        self.acknowledged = None      # (version, live), the highest
        self.problem = None
        self.counts = dict(deletes=0, dropped=0, views=0, declared=0)
        self.pending = None           # members of the next view while the old one is sealed

    def clock(self, node):
        return self.now + node.skew

    def enter(self, node, epoch):
        node.epoch, node.active, node.sealed = epoch, True, False
        if 'newview' not in self.off:
            node.pulled, node.finished = {}, {}
        node.heard = {m: self.clock(node) for m in self.views[epoch]}

    def members(self, node):
        return [m for m in self.views[node.epoch] if m != node.name]

    def merge(self, node, record, copied=False):
        if record and (node.record is None or record[0] > node.record[0]):
            node.silent = copied and node.record is None
            node.record, node.born = record, self.clock(node)

    def send(self, sender, receiver, *message):
        self.post(sender.name, receiver, sender.epoch, dict(sender.incarnations), message, .12, 2 * GRACE)

    def post(self, sender, receiver, epoch, incarnations, message, share, most):
        late = self.random.uniform(0, most) if self.random.random() < share else self.random.uniform(0, 3)
        self.messages.append((self.now + late, (sender, receiver, epoch, incarnations, message)))

    def learn(self, node, incarnations):
        for name, incarnation in incarnations.items():
            if incarnation > node.incarnations.get(name, 1):
                node.incarnations[name] = incarnation
                node.pulled.pop(name, None)
        if node.incarnations.get(node.name, 1) > node.incarnation:
            node.incarnation = node.incarnations[node.name]
            node.active, node.record = False, None            # declared amnesiac: clear and recover
            node.pulled, node.finished = {}, {}

    # Messages between members

    def receive(self, sender, receiver, epoch, incarnations, message):
        node = self.nodes[receiver]
        if epoch != node.epoch:
            return
        self.learn(node, incarnations)
        if not node.active:
            return
        getattr(self, 'on_' + message[0])(node, sender, *message[1:])

    def on_digest_request(self, node, sender, done, incarnation):
        if incarnation == node.incarnations.get(sender, 1):
            node.pulled[sender] = max(done, node.pulled.get(sender, -1))
            node.heard[sender] = self.clock(node)
        live = node.record if node.record and node.record[1] else None
        marker = None
        if 'forward' not in self.off and node.record and not (node.record[1] or node.silent) \
                and node.born >= done:
            marker = node.record      # born since the last pull: sent whatever the digests say
        self.send(node, sender, 'digest', live, self.clock(node), marker)

    def on_digest(self, node, sender, live, as_of, marker):
        self.merge(node, marker, copied=True)
        mine = node.record if node.record and node.record[1] else None
        if mine == live:
            node.finished[sender] = max(as_of, node.finished.get(sender, -1))
        else:
            self.send(node, sender, 'pull', as_of, self.clock(node))

    def on_pull(self, node, sender, as_of, asked):
        self.send(node, sender, 'contents', node.record, as_of, asked)

    def on_contents(self, node, sender, record, as_of, asked):
        if 'pullwindow' not in self.off and self.clock(node) - asked > GRACE // 2:
            return
        self.merge(node, record, copied=True)
        node.finished[sender] = max(as_of, node.finished.get(sender, -1))

    def offer(self, node, record):
        if self.clock(node) < node.offers_until or 'offers' in self.off:
            self.merge(node, record)

    # Clients

    def mutate(self, live):
        self.identity += 1
        stamp = self.now + self.random.randint(-MAX_SKEW, MAX_SKEW)
        record = ((stamp, self.identity), live)
        self.operations[record] = (stamp, {})
        self.counts['deletes'] += not live
        for name in self.views[self.epoch]:
            if self.random.random() < .95:
                self.post('', name, 0, {}, ('mutation', record), .3, 2 * GRACE)

    def mutation(self, node, record):
        stamp, acknowledgements = self.operations[record]
        if not node.active or node.sealed or node.name not in self.views[node.epoch]:
            return
        if 'window' not in self.off and stamp < self.clock(node) - GRACE // 2:
            return                    # TOO_OLD
        if stamp > self.clock(node) + 3 * MAX_SKEW:
            return                    # FUTURE
        self.merge(node, record)
        self.highest = max(self.highest, record[0])
        view = (node.epoch, tuple(node.incarnations.get(m, 1) for m in self.views[node.epoch]))
        names = acknowledgements.setdefault(view, set())
        names.add(node.name)
        if len(names) >= majority(len(self.views[node.epoch])):
            if self.acknowledged is None or record[0] > self.acknowledged[0]:
                self.acknowledged = record

    # What members do by themselves

    def collect(self, node):
        record = node.record
        if self.clock(node) < node.offers_until and 'offers' not in self.off:
            return
        if not node.active or record is None or record[1] or (node.sealed and 'quiet' not in self.off):
            return
        if 'age' not in self.off and self.clock(node) - node.born <= GRACE:
            return
        landed = node.born if 'landed' in self.off else node.born + GRACE // 2 + 2 * MAX_SKEW
        if 'pulled' not in self.off:
            for member in self.members(node):
                gone = node.incarnations.get(member, 1) > self.nodes[member].incarnation
                if not gone and node.pulled.get(member, -1) <= landed:
                    return
        node.record = None
        self.counts['dropped'] += 1

    def declare(self, node):
        """A member not synchronized for ten minutes: its incarnation is raised, by a majority only."""
        if not node.active or node.sealed:
            return
        for member in self.members(node):
            silent = [n for n in map(self.nodes.get, self.views[node.epoch]) if n.name != member and n.active
                      and self.clock(n) - n.heard.get(member, 0) > AMNESIA and self.reach(n.name, node.name)]
            need = 1 if 'majorityamnesia' in self.off else majority(len(self.views[node.epoch]))
            if node in silent and len(silent) >= need:
                raised = self.nodes[member].incarnation + 1
                for other in silent[:1] if need == 1 else silent:
                    self.learn(node if need == 1 else other, {member: raised})
                self.counts['declared'] += 1

    def recover(self, node):
        if node.active or node.epoch != self.epoch or self.pending:
            return
        view = self.views[node.epoch]
        others = [self.nodes[m] for m in view if m != node.name and self.reach(node.name, m) and self.nodes[m].active
                  and self.nodes[m].epoch == node.epoch]
        if len(others) < len(view) - majority(len(view)) + 1:
            return
        for other in others:
            self.learn(other, {node.name: node.incarnation})
            self.merge(node, other.record)
            for name, incarnation in other.incarnations.items():
                node.incarnations[name] = max(incarnation, node.incarnations.get(name, 1))
        self.enter(node, node.epoch)

    def precopy(self, node, source):
        if source.record and (node.precopied is None or source.record[0] > node.precopied[0]):
            node.precopied = source.record

    def change(self):
        """Seal a majority of the view, copy from it, activate the next one: the protocol of the other model."""
        view = self.views[self.epoch]
        if self.pending is None:
            stay = self.random.sample(view, max(1, len(view) - self.random.choice([0, 1])))
            fresh = [n for n in NODES if n not in stay]
            self.pending = ''.join(sorted(stay + self.random.sample(fresh, self.size - len(stay))))
        for name in self.pending:
            source = self.nodes[self.random.choice(view)]
            if name not in view and source.active and self.reach(source.name, name):
                self.precopy(self.nodes[name], source)
        for name in view:
            if self.random.random() < .6 and not self.nodes[name].paused and self.nodes[name].active:
                self.nodes[name].sealed = True
        counted = [self.nodes[n] for n in view if self.nodes[n].sealed and not self.nodes[n].paused
                   and self.nodes[n].active and self.nodes[n].epoch == self.epoch]
        if self.random.random() < .5 or len(counted) < majority(len(view)) or any(self.nodes[n].paused for n in self.pending):
            return
        self.activate(view, counted)

    def activate(self, view, counted):
        self.epoch += 1
        self.views[self.epoch], self.pending = self.pending, None
        self.counts['views'] += 1
        copies = [(n, n.record) for n in counted]
        for name in self.views[self.epoch]:
            node = self.nodes[name]
            if node not in counted and 'ownolder' not in self.off and not (name in view and node.active):
                node.record = None    # its own copy is older than the source
            if name not in view and 'replace' in self.off:
                self.merge(node, node.precopied)
            node.precopied = None
            for source, record in copies:
                if 'joinmarkers' in self.off and record and not record[1] and name not in view:
                    continue
                self.merge(node, record)
                for other, incarnation in source.incarnations.items():
                    node.incarnations[other] = max(incarnation, node.incarnations.get(other, 1))
            node.incarnation = node.incarnations.get(name, 1)
            self.enter(node, self.epoch)

    def reach(self, a, b):
        return a == b or not ((a, b) in self.cut or (b, a) in self.cut or self.nodes[a].paused or self.nodes[b].paused)

    # What must hold

    def check(self):
        if self.acknowledged is None:
            return
        groups = {}
        for name in self.views[self.epoch]:
            node = self.nodes[name]
            if node.active and node.epoch == self.epoch and not node.sealed:
                key = tuple(node.incarnations.get(m, 1) for m in self.views[self.epoch])
                groups.setdefault(key, []).append(node.record)
        need = majority(len(self.views[self.epoch]))
        for records in groups.values():
            for answer in itertools.combinations(records, min(need, len(records))):
                top = max((r for r in answer if r), default=None, key=lambda r: r[0])
                if len(answer) < need:
                    continue
                if top is None and self.acknowledged[1] and self.highest <= self.acknowledged[0]:
                    self.problem = 'lost %s' % (self.acknowledged,)
                if top and top[1] and top[0] < self.acknowledged[0]:
                    self.problem = '%s lives again after %s' % (top, self.acknowledged)

    def weather(self):
        pairs = [(a, b) for a in NODES for b in NODES if a != b]
        share = self.random.choice([0, 0, .2, .5])
        self.cut = {p for p in pairs if self.random.random() < share}
        for node in self.nodes.values():
            node.paused = self.random.random() < self.random.choice([0, .1, .25])

    def deliver(self):
        due = [m for m in self.messages if m[0] <= self.now]
        self.messages = [m for m in self.messages if m[0] > self.now]
        self.random.shuffle(due)
        for when, (sender, receiver, epoch, incarnations, message) in due:
            if self.nodes[receiver].paused or (sender, receiver) in self.cut:
                if self.random.random() < .5:      # kept by the network, or lost
                    self.messages.append((self.now + 20, (sender, receiver, epoch, incarnations, message)))
            elif message[0] == 'mutation':
                self.mutation(self.nodes[receiver], message[1])
            else:
                self.receive(sender, receiver, epoch, incarnations, message)

    def run(self, steps=None):
        pick = self.random
        steps = steps or pick.choice([300, 700])
        period, jump = pick.choice([15, 50, 120]), pick.choice([1, 2, 4])
        mutations, changes = pick.choice([.01, .04]), pick.choice([0, .01, .03])
        following = None
        for step in range(steps):
            self.now += pick.choice([1, 1, jump, 5])
            if step % period == 0:
                self.weather()
            if pick.random() < mutations:
                self.mutate(True)
                following = self.now + pick.randrange(8)
            if following and self.now >= following:
                self.mutate(False)
                following = None
            if pick.random() < changes or self.pending and pick.random() < .2:
                self.change()
            self.deliver()
            for node in (self.nodes[n] for n in self.views[self.epoch] if pick.random() < .5):
                if node.paused:
                    continue
                if node.active and node.epoch == self.epoch and len(self.views[self.epoch]) > 1:
                    peer = pick.choice(self.members(node))
                    self.send(node, peer, 'digest_request', node.finished.get(peer, -1), node.incarnation)
                self.declare(node)
                self.recover(node)
                self.collect(node)
            self.check()
            if self.problem:
                break
        return self


def batch(runs, first, off=(), sizes=(2, 3, 3, 5)):
    began, bad, total = time.time(), [], {}
    for seed in range(first, first + runs):
        run = Run(seed, off, sizes).run()
        for what, count in run.counts.items():
            total[what] = total.get(what, 0) + count
        if run.problem:
            bad.append((seed, run.problem))
    print('markers without %-16s R %-10s runs %6d  violations %5d  %s  %.0f s' % (
        ','.join(off) or '(nothing)', ','.join(map(str, sorted(set(sizes)))), runs, len(bad),
        ' '.join('%s %d' % item for item in total.items()), time.time() - began))
    for seed, problem in bad[:1]:
        print('      seed %d: %s' % (seed, problem))
    sys.stdout.flush()
    return bad


def main(runs, first):
    """The whole protocol must hold; the rules that random histories can show must break when removed."""
    wrong = len(batch(runs, first))
    for rule in ('pulled', 'window'):
        wrong += not batch(runs, first, (rule,))
    return wrong


if __name__ == '__main__':
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000,
                       int(sys.argv[2]) if len(sys.argv) > 2 else 10000) else 0)
