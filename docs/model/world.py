"""The network, the clock, the faults, and what must always hold."""
import random

from change import tick
from client import Client
from replica import NOTHING, Replica, blocking, majority

PROMISED_LEVELS = ('QUORUM', 'ALL', 'LINEARIZABLE')


class World:
    """`maps[epoch]` is a string of member names; maps[0] is unused, map 1 is in force at the start."""

    def __init__(self, seed, maps, off=(), nodes='abcde', clients=2, witnesses=False, proceeds=False, reenters=True,
                 skew=0):
        self.random = random.Random(seed)
        self.maps, self.off, self.nodes = maps, off, nodes
        self.witnesses, self.proceeds, self.reenters = witnesses, proceeds, reenters
        self.now, self.events = 0, 0
        self.messages, self.history, self.counts = [], [], {}
        self.problems = []
        self.acknowledged = {}        # epoch -> highest version acknowledged at a promised level
        self.accepted_at = {}         # version -> highest epoch at which a replica took it from a client
        self.published = 1
        self.lost_ones = 0            # reads at ONE that missed a write acknowledged at ALL before
        self.all_floor = NOTHING
        self.replicated = len(maps[1]) > 1       # the last configuration that was complete had two members
        self.debt, self.cold = set(), False      # crashed nodes not made good; everything lost at once
        self.drops = {}
        self.replicas = {name: Replica(name, self) for name in nodes}
        if witnesses:                 # those that own nothing have no occasion to prove it
            for replica in self.replicas.values():
                replica.remembers_after = 0
        for name in maps[1]:
            replica = self.replicas[name]
            replica.epoch, replica.was_active, replica.ever_active = 1, True, True
        self.clients = [Client(str(i), self, self.random.randint(0, skew)) for i in range(clients)]

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def event(self):
        self.events += 1
        return self.events

    # Network

    def send(self, sender, receiver, message):
        self.messages.append((sender, receiver, message))

    def deliver(self, index, keep=False):
        sender, receiver, message = self.messages[index]
        if not keep:
            self.messages[index] = self.messages[-1]
            self.messages.pop()
        end = self.replicas[receiver] if receiver in self.replicas else self.clients[int(receiver)]
        end.receive(message)

    def pump(self, links, kinds=None, limit=2000):
        """Deliver, oldest first, what passes between these names (and of these kinds) until nothing is left."""
        while limit:
            limit -= 1
            for index, (sender, receiver, message) in enumerate(self.messages):
                if sender in links and receiver in links and (kinds is None or message[0] in kinds):
                    del self.messages[index]
                    self.messages.append((sender, receiver, message))
                    self.deliver(len(self.messages) - 1)
                    break
            else:
                return

    def tick_only(self, name):
        tick(self.replicas[name])

    def rounds(self, count, names, kinds=None, only_work=None):
        """Two ticks of the clock each: these nodes work and exchange everything, all else is lost."""
        for _ in range(count):
            self.now += 2
            for name in only_work or names:
                if name in self.replicas:
                    tick(self.replicas[name])
                else:
                    client = self.clients[int(name)]
                    if client.kind:
                        client.again() if self.random.random() < .3 else client.send()
            self.pump(names, kinds)
            self.messages.clear()
            self.check()

    def rounds_keeping(self, count, names, client):
        """The same, but what concerns this client stays under way."""
        kept = [m for m in self.messages if client in m[:2]]
        self.messages.clear()
        self.rounds(count, names)
        self.messages = kept

    # Faults

    def crash(self, name):
        replica = self.replicas[name]
        others = [r for r in self.replicas.values() if r.was_active and r.epoch >= replica.epoch and r is not replica]
        if replica.was_active and not others and not self.replicated:
            self.acknowledged, self.all_floor, self.cold = {}, NOTHING, True    # its only copy: beyond any protocol
        if self.debt:                 # more than one at once: only what a memory still holds can be asked for
            top = max((r.version for r in self.replicas.values() if r.was_active and r is not replica),
                      default=NOTHING)
            self.acknowledged = {e: min(v, top) for e, v in self.acknowledged.items()}
            self.cold = True
        self.debt.add(name)
        replica.incarnation += 1
        replica.reset()
        replica.up = False
        self.count('crashes')

    def restart(self, name, newest=None):
        """With empty memory, and a map that may be older than what its earlier life knew."""
        replica = self.replicas[name]
        replica.reset()
        replica.map = newest or replica.map
        for epoch, witnesses in self.drops.items():
            if epoch > replica.map:
                witnesses.discard(name)
        replica.recovering = name in self.maps[replica.map]
        if not self.maps[replica.map]:
            replica.dropped_at = replica.map
        if 'boot' in self.off:
            replica.recovering, replica.remembers_after = False, 0
        elif 'proof' in self.off or self.witnesses:
            replica.remembers_after = replica.map

    def settled(self):
        """Every member of the latest active configuration is active there: earlier losses are made good."""
        latest = max((r.epoch for r in self.replicas.values() if r.was_active), default=0)
        complete = all(self.replicas[m].epoch == latest and self.replicas[m].serves() for m in self.maps[latest])
        return latest if complete else 0

    # What must hold

    def drop_seen(self):
        return max(r.dropped_at for r in self.replicas.values())

    def durable(self):
        """The highest version that must be seen: acknowledged, and not of an epoch below a drop."""
        drop = self.drop_seen()
        return max((v for e, v in self.acknowledged.items() if e >= drop), default=NOTHING)

    def accepted(self, version, epoch):
        self.accepted_at[version] = max(epoch, self.accepted_at.get(version, 0))

    def finished(self, client, kind, version, value):
        self.count('operations')
        floor = min(client.floor, self.durable())
        if client.level in PROMISED_LEVELS:
            if version < floor:
                self.problems.append('%s %s finished with %s below %s' % (client.level, kind, version, floor))
            held = any(r.version >= version for r in self.replicas.values() if r.up)
            if (held or not self.cold) and (kind == 'write' or client.level == 'LINEARIZABLE'):     # a plain read establishes nothing
                self.acknowledged[client.epoch] = max(version, self.acknowledged.get(client.epoch, NOTHING))
        elif kind == 'read' and version < min(self.all_floor, client.all_floor):
            self.lost_ones += 1
        if kind == 'write' and client.level == 'ALL':
            self.all_floor = max(self.all_floor, version)
        self.history.append((kind[0], value, client.invoked, self.event()))

    def saw(self, name, epoch):
        self.drops.setdefault(epoch, set()).add(name)

    def effective_drop(self):
        """A drop counts where so many remember it that every later change must meet one of them."""
        def counts(epoch, witnesses):
            owners = [self.maps[e] for e in range(1, epoch) if self.maps[e]]
            return all(len(witnesses & set(members)) >= blocking(len(members)) for members in owners)
        return max((epoch for epoch, witnesses in self.drops.items() if counts(epoch, witnesses)), default=0)

    def activated(self, replica):
        drop = self.effective_drop()
        if replica.version != NOTHING and self.accepted_at.get(replica.version, 0) < drop <= replica.epoch:
            self.problems.append('%s brings back the dropped %s' % (replica.name, replica.version))

    def check(self):
        """No quorum that could answer now misses an acknowledged version; nothing dropped comes back."""
        floor, groups = self.durable(), {}
        latest = self.settled()
        if latest:
            self.replicated = len(self.maps[latest]) > 1
            self.debt = {name for name in self.debt if not self.replicas[name].up}
        for replica in self.replicas.values():
            serving = replica.serves() or 'view' in self.off and replica.up and replica.was_active
            if not serving or replica.name not in self.maps[replica.epoch]:
                continue
            view = () if 'incarnations' in self.off else replica.view(replica.epoch)
            groups.setdefault((replica.epoch, view), []).append(replica)
        for (epoch, view), replicas in groups.items():
            if epoch < self.drop_seen():
                continue
            if sum(r.version < floor for r in replicas) >= majority(len(self.maps[epoch])):
                self.problems.append('at epoch %d a quorum misses %s' % (epoch, floor))

    def serves_at(self, epoch):
        """A majority serves in one view at an epoch whose members are those of `epoch`."""
        views = {}
        for replica in self.replicas.values():
            if replica.serves() and set(self.maps[replica.epoch]) == set(self.maps[epoch]):
                key = (replica.epoch, replica.view(replica.epoch))
                views[key] = views.get(key, 0) + 1
        return any(n >= majority(len(self.maps[epoch])) for n in views.values())
