"""A client: stamps a write once, waits for the acknowledgements of its level, all from one view."""
from replica import NOTHING, majority


class Client:
    def __init__(self, name, world, skew=0):
        self.name, self.world, self.skew = name, world, skew
        self.epoch, self.incarnations = 1, {}
        self.kind = None              # read or write, while an operation runs
        self.number, self.last = 0, 0
        self.acknowledgements = {}
        self.operations = 0

    def start(self, kind, level, value=None):
        self.kind, self.level, self.value, self.version = kind, level, value, None
        self.invoked = self.world.event()
        self.floor, self.all_floor = self.world.durable(), self.world.all_floor
        self.restamped = False
        self.phase = 'ask' if level == 'LINEARIZABLE' else kind
        self.operations += 1
        if kind == 'write' and level != 'LINEARIZABLE':
            self.stamp(0)
        self.again()

    def stamp(self, seen):
        self.last = max(self.last + 1, seen + 1, self.world.now + self.skew)
        if 'stamp' in self.world.off:
            self.last = seen + 1
        self.version = (self.last, self.name)

    def again(self, view_changed=False):
        """A new phase, or the same one in another view: earlier acknowledgements do not count."""
        if not (view_changed and 'oneview' in self.world.off):
            self.number += 1
            self.acknowledgements = {}
        self.send()

    def send(self):
        members = self.world.maps[self.epoch]
        view = tuple(self.incarnations.get(member, 0) for member in members)
        kind = 'write' if self.phase == 'write' else 'read'
        for member in members:
            if member not in self.acknowledgements:
                self.world.send(self.name, member, ('request', self.name, self.number, kind, self.level, self.epoch,
                                                    view, self.version, self.value))

    def receive(self, message):
        getattr(self, 'on_' + message[0])(*message[1:])

    def on_wrong_view(self, sender, number, served, newest, incarnations):
        members = self.world.maps[self.epoch]
        changed = False
        for name, incarnation in incarnations.items():
            if incarnation > self.incarnations.get(name, 0):
                self.incarnations[name] = incarnation
                changed |= name in members
        if number != self.number or not self.kind:
            return
        candidate = served or newest
        # The newer view wins; the older one is asked again now and then, for its server may be the one in force.
        if self.world.maps[candidate] and candidate != self.epoch \
                and (candidate > self.epoch or self.world.random.random() < .5):
            self.epoch, changed = candidate, True
        if changed:
            self.again(view_changed=True)

    def on_reply(self, sender, number, version, value):
        if not self.kind or number != self.number:
            return
        self.acknowledgements[sender] = (version, value)
        members = self.world.maps[self.epoch]
        quorum = majority(len(members))
        need = {'ONE': 1, 'ALL': len(members)}.get(self.level, quorum)
        if self.phase == 'ask' or self.kind == 'read' and self.level == 'ALL':
            need = quorum
        valid = [a for name, a in self.acknowledgements.items() if name in members or 'oneview' in self.world.off]
        if len(valid) < need:
            return
        best = max(valid, key=lambda a: a[0])
        if self.phase == 'ask':
            if self.kind == 'write':
                self.stamp(best[0][0])
            elif best[0] == NOTHING or sum(a[0] == best[0] for a in valid) >= quorum or 'writeback' in self.world.off:
                return self.finish(*best)
            else:
                self.version, self.value = best
            self.phase = 'write'
            return self.again()
        if self.kind == 'read' and self.phase == 'read':
            return self.finish(*best)
        if self.kind == 'write' and best[0] > self.version and self.level in ('QUORUM', 'ALL') \
                and not self.restamped and 'restamp' not in self.world.off:
            self.restamped = True     # superseded: must win over what was acknowledged before it began
            self.stamp(best[0][0])
            return self.again()
        self.finish(self.version, self.value)

    def finish(self, version, value):
        kind, self.kind = self.kind, None
        self.world.finished(self, kind, version, value)
        self.number += 1

    def abandon(self):
        if self.kind == 'write':
            self.world.history.append(('w', self.value, self.invoked, None))
        self.kind = None
        self.number += 1
