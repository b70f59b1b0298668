"""How a replica becomes active: a change to a newer map, recovery after a restart, the empty start, the waiver."""
from replica import blocking, majority, remembers

PROBE_FRESH = 10        # ticks that a probe's answer counts: one second
PROCEED_AFTER = 100     # ticks without progress before safety is waived: ten seconds


def tick(replica):
    """What a replica does regularly: work towards the newest map, or offer what it still holds."""
    if not replica.up:
        return
    world = replica.world
    replica.map = max(replica.map, replica.promised)
    goal, newest = wanted(replica), replica.map
    if goal is None:
        replica.attempt = None
        if replica.was_active and newest > replica.epoch and replica.name not in replica.members(newest):
            for member in replica.members(newest):
                replica.send(member, 'offer', replica.name, replica.epoch, replica.version, replica.value)
        return
    attempt = replica.attempt
    if goal == 'recover' and 'recovery' in world.off:
        replica.epoch, replica.was_active, replica.ever_active, replica.recovering = newest, True, True, False
        return
    if attempt is None or attempt.epoch != newest:
        attempt = replica.attempt = Attempt(replica, newest)
    attempt.advance()
    if replica.attempt is attempt:
        attempt.inquire()


def wanted(replica):
    newest = replica.map
    if replica.recovering and (replica.world.reenters or replica.name in replica.members(newest)):
        return 'recover'
    if replica.name not in replica.members(newest):
        return None
    if replica.was_active and replica.epoch == newest:
        return None
    same = set(replica.members(replica.epoch)) == set(replica.members(newest))
    if replica.was_active and replica.promised <= replica.epoch and same:
        return None                   # same members and nobody sealed: the shard keeps its epoch
    return 'join'


class Attempt:
    """The answers gathered towards one epoch, or towards the one in force when this replica recovers."""

    def __init__(self, replica, epoch):
        self.replica, self.world = replica, replica.world
        self.epoch, self.since = epoch, replica.world.now
        self.vouched = 'vouch' in self.world.off
        self.replies, self.heard_at, self.recorded = {}, {}, {}
        self.sealing, self.precopied, self.waiving = False, False, False

    def inquire(self):
        replica = self.replica
        needed = self.needed(self.fresh(self.counted()))[:1]
        for name in self.world.nodes:
            replica.send(name, 'inquire', replica.name, replica.incarnation, self.epoch, self.sealing,
                         replica.dropped_at, needed)

    def hear(self, status):
        name = status['name']
        known = self.replies.get(name)
        order = (status['incarnation'], status['number'])
        if known is None or order > (known['incarnation'], known['number']):
            self.replies[name] = status
            self.heard_at[name] = self.world.now
            self.replica.learn_drop(status['dropped_at'])

    # What the answers say

    def counted(self):
        """Answers of incarnations that nobody knows to be over."""
        if 'incarnations' in self.world.off:
            return list(self.replies.values())
        highest = dict(self.replica.incarnations)
        for status in self.replies.values():
            for name, incarnation in status['incarnations'].items():
                highest[name] = max(incarnation, highest.get(name, 0))
        return [s for s in self.replies.values() if s['incarnation'] >= highest.get(s['name'], 0)]

    def sealed(self):
        """Of the counted, those that promised this epoch (all, where the rule is removed)."""
        return [s for s in self.counted()
                if s['promised'] >= self.epoch or s['epoch'] == self.epoch or 'seal' in self.world.off]

    def fresh(self, statuses):
        return [s for s in statuses if self.world.now - self.heard_at[s['name']] <= PROBE_FRESH]

    def holders(self, statuses):
        return [s for s in statuses if s['was_active'] and s['epoch'] >= self.replica.dropped_at]

    def enough(self, epoch, names):
        """Do these names stop every write at `epoch`, and meet every other such set?"""
        members = set(self.world.maps[epoch])
        inside = len(members & set(names))
        if inside >= majority(len(members)):
            return True
        return (self.world.witnesses and inside >= blocking(len(members))
                and len(set(names)) >= majority(len(self.world.nodes)))

    def needed(self, statuses):
        """The highest active epoch below the target and the activated ones above it."""
        older = [s['epoch'] for s in self.holders(statuses) if s['epoch'] < self.epoch]
        if not older:
            return []
        latest = max(older)
        pointers = {e for s in statuses for e in s['activated'] if latest < e < self.epoch}
        if 'pointers' in self.world.off:
            pointers = set()
        return [latest] + sorted(pointers)

    # Steps

    def advance(self):
        replica = self.replica
        self.prove()
        if replica.recovering and self.reenter():
            return
        if replica.name not in self.world.maps[self.epoch] or max(replica.promised, replica.epoch) > self.epoch:
            return
        if self.world.now - self.since >= PROCEED_AFTER and self.world.proceeds:
            self.waive()
            return
        self.prepare()
        if not self.join():
            self.start_empty()

    def prove(self):
        """What follows the latest epoch was recorded by a quorum of it first. Where no quorum's answers to this life know
        of any, an earlier life did nothing after it."""
        replica, counted = self.replica, self.counted()
        holders = [s['epoch'] for s in self.holders(counted)]
        if not holders:
            return
        epochs = [max(holders)] + sorted({e for s in counted for e in s['activated'] if e > max(holders)})
        if all(self.enough(e, [s['name'] for s in counted if remembers(s, e)]) for e in epochs):
            replica.remembers_after = min(replica.remembers_after, epochs[-1])
            if not any(replica.name in self.world.maps[e] for e in epochs):
                replica.recovering = False

    def prepare(self):
        """Pre-copy while the old owners serve; seal when that cannot strand the shard."""
        alive = self.fresh(self.counted())
        needed = self.needed(alive)
        self.precopied = self.precopied or bool(self.holders(alive))
        members = self.world.maps[self.epoch]
        ready = {s['name'] for s in alive if s['precopied'] == self.epoch or s['epoch'] == self.epoch}
        ready |= {s['name'] for s in self.holders(alive) if s['name'] in members}
        if self.precopied:
            ready.add(self.replica.name)
        reached = all(self.enough(e, [s['name'] for s in alive if remembers(s, e)]) for e in needed)
        copied = len(ready & set(members)) >= majority(len(members))
        if (needed and reached and copied) or 'probe' in self.world.off:
            self.sealing = True
        if not needed and self.all_answered(alive):
            self.sealing = True       # nothing held anywhere: the empty start needs the promises too

    def all_answered(self, statuses):
        names = {s['name'] for s in statuses}
        if 'everynode' in self.world.off:
            return set(self.world.maps[self.epoch]) <= names
        return set(self.world.nodes) <= names

    def reenter(self):
        """Recovering: back into the configuration in force, while nobody that counts has promised a newer one."""
        replica, maps = self.replica, self.world.maps
        counted = self.counted()
        latest = max((s['epoch'] for s in self.holders(counted)), default=0)
        if replica.name not in maps[latest]:
            return False
        if not self.world.reenters and set(maps[latest]) != set(maps[replica.map]):
            return False
        others = [s for s in counted if s['name'] in maps[latest] and s['name'] != replica.name
                  and remembers(s, latest) and s['promised'] <= latest]
        need = 1 if 'recoveryquorum' in self.world.off else blocking(len(maps[latest]))
        sources = [s for s in self.holders(others) if s['epoch'] == latest]
        if len(others) < need or not sources:
            return False
        self.become_active(latest, sources)
        self.world.count('recoveries')
        return True

    def join(self):
        """A change, or recovery during one. True when nothing more is to be done now."""
        replica, world = self.replica, self.world
        counted, sealed = self.counted(), self.sealed()
        members = world.maps[self.epoch]
        others = [s for s in counted if s['name'] in members and s['name'] != replica.name
                  and remembers(s, self.epoch)]
        already = [s for s in self.holders(counted) if s['epoch'] == self.epoch]
        self.vouched = (self.vouched or replica.remembers(self.epoch) or len(others) >= blocking(len(members))
                        or any(s['began_with'].get(replica.name) == replica.incarnation for s in already))
        if already:
            if self.vouched:
                self.become_active(self.epoch, already)
            return True
        needed = self.needed(counted if 'sealedepoch' in world.off else sealed)
        if not needed or not self.sealing:
            return bool(needed)
        names = set()
        for epoch in needed:
            remembering = {s['name'] for s in sealed if remembers(s, epoch)}
            if not self.enough(epoch, remembering):
                return True
            names |= remembering if world.witnesses else remembering & set(world.maps[epoch])
        # It may have acknowledged here in an earlier life, unless nobody recorded that this epoch began; asked once,
        # for this life's own Activate leaves the same record.
        begun = any(self.epoch in s['activated'] for s in sealed if s['name'] in names)
        self.vouched = (self.vouched and 'vouchonce' not in world.off) or not begun
        if not self.vouched:
            return True
        sources = [s for s in self.holders(sealed) if s['epoch'] == needed[0]]
        if 'activate' not in world.off:
            for name in sorted(names):
                replica.send(name, 'activate', replica.name, replica.incarnation, self.epoch)
            current = {s['name']: s['incarnation'] for s in sealed}
            recorded = {n for n, i in self.recorded.items() if n in names and current.get(n) == i}
            if not all(self.enough(e, recorded & {s['name'] for s in sealed if remembers(s, e)})
                       for e in needed):
                return True
        self.become_active(self.epoch, sources)
        world.count('activations')
        return True

    def start_empty(self):
        """Every node of the maps promised this epoch, holds nothing and knows of nobody who does."""
        statuses = self.sealed()
        late = self.world.now - self.since > PROBE_FRESH and 'everynode' in self.world.off
        if not self.sealing and not late:
            return
        members = self.world.maps[self.epoch]
        names = {s['name'] for s in statuses}
        if not (self.all_answered(statuses) or late and len(names & set(members)) >= majority(len(members))):
            return
        pointers = [e for s in statuses for e in s['activated'] if self.replica.dropped_at <= e < self.epoch]
        if not self.holders(statuses) and not pointers:
            self.become_active(self.epoch, [], incomplete=True)
            self.world.count('empty starts')

    def waive(self):
        """onUnrecoverable = proceedAfter: whoever can be reached, the union of what they hold."""
        replica = self.replica
        if not self.waiving:
            self.waiving, self.sealing, self.sealed_since = True, True, self.world.now
        if self.join() and replica.attempt is not self:
            return
        statuses = [s for s in self.fresh(self.sealed()) if not s['recovering']]
        unsealed = [s for s in self.holders(self.fresh(self.counted())) if s not in statuses]
        if self.world.now - self.sealed_since < PROBE_FRESH or unsealed:
            return
        holders = self.holders(statuses)
        for status in statuses:
            replica.send(status['name'], 'activate', replica.name, replica.incarnation, self.epoch)
        self.become_active(self.epoch, holders, incomplete=True)
        self.world.count('waived')

    def become_active(self, epoch, sources, incomplete=False):
        replica = self.replica
        incomplete = incomplete or any(s['incomplete'] for s in sources if s['epoch'] == epoch)
        keeps = incomplete or replica.epoch in {s['epoch'] for s in sources}
        if not keeps and replica.epoch < epoch or replica.epoch < replica.dropped_at:
            replica.forget_data()     # older than the source
        for status in sources:
            replica.merge(status['version'], status['value'])
        for status in self.replies.values():
            replica.learn_incarnations(status['incarnations'])
        if replica.recovering:
            replica.incarnations[replica.name] = replica.incarnation
        replica.epoch, replica.was_active, replica.ever_active, replica.recovering = epoch, True, True, False
        replica.promised = max(replica.promised, epoch)
        replica.activated = frozenset(e for e in replica.activated if e > epoch)
        replica.incomplete = incomplete
        replica.began_with = {} if sources else {s['name']: s['incarnation'] for s in self.replies.values()}
        replica.attempt = None
        self.world.activated(replica)
        if not incomplete or 'donebroadcast' in self.world.off:
            for name in self.world.nodes:
                replica.send(name, 'done', replica.name, epoch)
